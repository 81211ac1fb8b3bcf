/** A server role, wired: shards, control actor, membership. The composition root adds the parameter service. */
import type { ActorSystem, Behavior, Ref } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import {
  controlActorName,
  createLineReports,
  startMembership,
  type CoordinatorMessage,
  type Joined,
  type LineReports,
  type Membership,
  type ReplicaLinkFactory,
  type ServerCommand,
  type SnapshotStore,
} from "@shoal/protocol";
import { createServerNode, serverNodeOptions } from "./server-node.ts";
import { createShardHost, type ShardHost } from "./shard-host.ts";

export interface ServerOptions {
  readonly system: ActorSystem;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly coordinator: Ref<CoordinatorMessage>;
  /** How other servers are reached; needed where runs keep copies of their shards. */
  readonly replicaLinks?: ReplicaLinkFactory | undefined;
  /** Where snapshots are kept; needed where runs take some or begin with one. */
  readonly snapshots?: SnapshotStore | undefined;
  /**
   * Makes the shards reachable and says where: `host:port` of the parameter service, or the node's name in one process.
   * Called once, before the node joins.
   * @param lines to be told when a connection to this server breaks
   */
  readonly expose: (host: ShardHost, lines: LineReports) => Promise<string> | string;
  /** Called after each join. */
  readonly onJoined?: (joined: Joined) => void;
}

export interface ServerHandle {
  readonly host: ShardHost;
  /** Settles with the first membership; stays pending while the coordinator is silent. */
  readonly joined: Promise<Joined>;
  /** Gives the shards to other servers while they are served; settles when this one may go. The caller bounds the wait. */
  drain(): Promise<void>;
  /** Says goodbye to the coordinator and ends all shards; settles when their memory has been given back. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts the role; settles when other nodes can reach this one. The membership follows by itself.
 * @throws ShoalError transport_lost - the bus cannot be reached
 * @throws whatever `expose` throws
 */
export async function startServer(options: ServerOptions): Promise<ServerHandle> {
  const { system, memory, kernels, coordinator } = options;
  await system.ready();
  // Streams may end before there is a membership to speak for.
  const self: { membership: Membership | undefined } = { membership: undefined };
  const joinedNow = (): Joined | undefined => self.membership?.current();
  const lines = createLineReports({ clock: system.clock, coordinator, speaker: joinedNow });
  const host = createShardHost({
    lines,
    system,
    memory,
    kernels,
    replicaLinks: options.replicaLinks,
    snapshots: options.snapshots,
  });
  const endpoint = await options.expose(host, lines);
  const behavior = (): Behavior<ServerCommand> => createServerNode(system.node, host, joinedNow);
  const control = system.spawn(controlActorName, behavior, serverNodeOptions);
  const { promise: joined, resolve } = Promise.withResolvers<Joined>();
  const member = startMembership(system, {
    coordinator,
    introduce: (replyTo) => ({ type: "join_as_server", node: system.node, endpoint, control, replyTo }),
    onJoined: (first) => {
      resolve(first);
      options.onJoined?.(first);
    },
  });
  self.membership = member;
  return {
    host,
    joined,
    drain: () => member.drain(),
    async close() {
      member.leave();
      await host.close();
    },
  };
}
