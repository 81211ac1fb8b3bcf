/** A server role, wired: shards, control actor, membership. The composition root adds the parameter service. */
import type { ActorSystem, Ref } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import { controlActorName, startMembership, type CoordinatorMessage, type Joined } from "@shoal/protocol";
import { createServerNode, serverNodeOptions } from "./server-node.ts";
import { createShardHost, type ShardHost } from "./shard-host.ts";

export interface ServerOptions {
  readonly system: ActorSystem;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly coordinator: Ref<CoordinatorMessage>;
  /** Where workers reach the shards: `host:port` of the parameter service, or the node's name in one process. */
  readonly endpoint: string;
  /** A host that is there already, because the parameter service needs it before its port is known. */
  readonly host?: ShardHost;
  /** Called after each join. */
  readonly onJoined?: (joined: Joined) => void;
}

export interface ServerHandle {
  readonly host: ShardHost;
  /** Settles with the first membership; stays pending while the coordinator is silent. */
  readonly joined: Promise<Joined>;
  /** Says goodbye to the coordinator. Shards end with the actor system. Idempotent. */
  close(): void;
}

export function startServer(options: ServerOptions): ServerHandle {
  const { system, memory, kernels, coordinator, endpoint } = options;
  const host = options.host ?? createShardHost({ system, memory, kernels });
  const control = system.spawn(controlActorName, () => createServerNode(system.node, host), serverNodeOptions);
  const { promise: joined, resolve } = Promise.withResolvers<Joined>();
  const membership = startMembership(system, {
    coordinator,
    introduce: (replyTo) => ({ type: "join_as_server", node: system.node, endpoint, control, replyTo }),
    onJoined: (first) => {
      resolve(first);
      options.onJoined?.(first);
    },
  });
  return { host, joined, close: membership.leave };
}
