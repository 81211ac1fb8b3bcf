/** The shard actor, its host, and the parameter service: the public door. */
export { createServerNode, serverNodeOptions } from "./node/server-node.ts";
export {
  createShardHost,
  describeLimitMs,
  type CaughtUpLearner,
  type Hosting,
  type ShardHost,
  type ShardHostOptions,
} from "./node/shard-host.ts";
export { startServer, type ServerHandle, type ServerOptions } from "./node/start-server.ts";
export {
  createInProcessReplicaLinks,
  type InProcessReplicaLinkOptions,
} from "./replication/in-process-replica-link.ts";
export type { PushHeaderView, ShardAdmission } from "./shard/admission.ts";
export { shardCapacity } from "./shard/shard.ts";
export * from "./rpc/index.ts";
