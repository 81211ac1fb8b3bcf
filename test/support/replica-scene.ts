/** A server that holds copies of shards, and another server's links to it, over either transport, in real time. The shards are played. */
import { systemClock, type Ref } from "@shoal/actors";
import type { ShoalError } from "@shoal/errors";
import type {
  InstallRequest,
  LogEntry,
  Refusal,
  ReplicaLink,
  ReplicateReply,
  SeatHolder,
  ShardCommand,
} from "@shoal/protocol";
import {
  createInProcessReplicaLinks,
  createParameterRpcServer,
  type HostedShards,
  type ServiceBounds,
  type ShardAdmission,
} from "@shoal/ps-server";
import { createGrpcReplicaLinkFactory, type GrpcLinkFactoryOptions } from "@shoal/worker";
import { kernelFixture } from "./model-kernels.ts";

export const replicaRun = "run-1";
export const replicaToken = "the cluster's token";

/** What a shard was told, copied before its answer. */
export interface ToldEntry extends Omit<LogEntry, "vector"> {
  readonly values: readonly number[];
}
export interface ToldPart extends Omit<InstallRequest, "bytes"> {
  readonly copy: Uint8Array;
}

export interface ReplicaSceneOptions {
  /** Keys of each shard; shard i has `sizes[i]`. */
  readonly sizes: readonly number[];
  /** What a shard answers to an entry; undefined: nothing. By default it has it. */
  readonly follow?: (entry: LogEntry) => ReplicateReply | ShoalError | undefined;
  readonly bounds?: Partial<ServiceBounds>;
  readonly engines?: { readonly server?: "http2" | "grpc-js"; readonly client?: "http2" | "grpc-js" };
  readonly keepalive?: GrpcLinkFactoryOptions["keepalive"];
  /** Leads the links over another address than the server's own, given its port. */
  readonly detour?: (port: number) => Promise<string>;
}

export interface ReplicaScene {
  readonly entries: readonly ToldEntry[];
  readonly parts: readonly ToldPart[];
  /** Float32 view of a region in kernel memory. */
  floats(count: number, fill?: number): Float32Array;
  /** From a primary on server `from`. */
  link(from?: number): ReplicaLink;
  close(): Promise<void>;
}

/** One behind a real address. */
export interface GrpcReplicaScene extends ReplicaScene {
  readonly endpoint: string;
}

export type MakeReplicaScene = (options: ReplicaSceneOptions) => Promise<ReplicaScene>;

export function holderOf(member: number, endpoint = `server-${member}`): SeatHolder {
  return { member, incarnation: 1, node: `server-${member}`, endpoint };
}

/** Shards that write down what they are told and answer at once, within the actor's turn. */
export function playShards({ sizes, follow = ({ index }) => ({ type: "replicated", index }) }: ReplicaSceneOptions) {
  const entries: ToldEntry[] = [];
  const parts: ToldPart[] = [];
  const tell = (command: ShardCommand): void => {
    if (command.type === "replicate") {
      const { vector, ...entry } = command.entry;
      entries.push({ ...entry, values: Array.from(vector) });
      const answer = follow(command.entry);
      if (answer !== undefined) command.replyTo.tell("type" in answer ? answer : refusal(answer));
    } else if (command.type === "install") {
      const { bytes, ...part } = command.part;
      parts.push({ ...part, copy: Uint8Array.from(bytes) });
      command.replyTo.tell({ type: "installed", done: part.offset + bytes.length === part.totalBytes });
    }
  };
  const refs = sizes.map((_, shard) => ({ address: `server-2/${replicaRun}-shard-${shard}`, tell }));
  const isOurs = (run: string, shard: number): boolean => run === replicaRun && shard < sizes.length;
  const words = (shard: number) => ({
    wordsOf: () => sizes[shard],
    maximumWords: sizes[shard] ?? 0,
    differenceWords: 0,
  });
  const admission: ShardAdmission = {
    decide: () => "next",
    frontOwner: () => undefined,
    onChange: () => () => undefined,
  };
  const shards: HostedShards = {
    find: (run, shard) => (isOurs(run, shard) ? refs[shard] : undefined),
    sizeOf: (run, shard) => (isOurs(run, shard) ? sizes[shard] : undefined),
    payloadsOf: (run, shard) => (isOurs(run, shard) ? words(shard) : undefined),
    admissionOf: (run, shard) => (isOurs(run, shard) ? admission : undefined),
  };
  return { entries, parts, shards };
}

function refusal(error: ShoalError): Refusal {
  return { type: "refused", error: error.toJSON() };
}

/** As in one process: messages reach the shard in a later turn, as those of an actor do. */
export const makeInProcessReplicaScene: MakeReplicaScene = async (options) => {
  const { memory } = await kernelFixture();
  const { shards, entries, parts } = playShards(options);
  const factory = createInProcessReplicaLinks({
    directoryOf: (endpoint) =>
      endpoint === "server-2" ? { find: (run, shard) => later(shards.find(run, shard)) } : undefined,
    clock: systemClock,
  });
  const links: ReplicaLink[] = [];
  return {
    ...{ entries, parts },
    floats: (count, fill = 0) => memory.floats(memory.allocate(Math.max(4, count * 4)).byteOffset, count).fill(fill),
    link(from = 1) {
      const link = factory.connect(holderOf(2), replicaRun, holderOf(from));
      links.push(link);
      return link;
    },
    async close() {
      await Promise.all(links.map((link) => link.close()));
    },
  };
};

function later(ref: Ref<ShardCommand> | undefined): Ref<ShardCommand> | undefined {
  return ref && { address: ref.address, tell: (command) => queueMicrotask(() => ref.tell(command)) };
}

export async function makeGrpcReplicaScene(options: ReplicaSceneOptions): Promise<GrpcReplicaScene> {
  const { memory, kernels } = await kernelFixture();
  const { shards, entries, parts } = playShards(options);
  const { keepalive, engines = {} } = options;
  const common = { clock: systemClock, token: replicaToken, ...(keepalive !== undefined && { keepalive }) };
  const bounds = options.bounds === undefined ? {} : { bounds: options.bounds };
  const server = createParameterRpcServer({
    ...{ ...common, ...bounds, shards, memory, kernels },
    engine: engines.server ?? "http2",
  });
  const endpoint = await server.listen({ host: "127.0.0.1", port: 0 });
  const reached = (await options.detour?.(Number(endpoint.split(":")[1]))) ?? endpoint;
  const factory = createGrpcReplicaLinkFactory({ ...common, engine: engines.client ?? "http2" });
  const links: ReplicaLink[] = [];
  return {
    ...{ endpoint, entries, parts },
    floats: (count, fill = 0) => memory.floats(memory.allocate(Math.max(4, count * 4)).byteOffset, count).fill(fill),
    link(from = 1) {
      const link = factory.connect(holderOf(2, reached), replicaRun, holderOf(from));
      links.push(link);
      return link;
    },
    async close() {
      await Promise.all(links.map((link) => link.close()));
      await server.close();
    },
  };
}
