/** A server with real shards, and workers' links to it, over either transport, in real time. */
import { createActorSystem, createInProcessBus, createRandom, systemClock } from "@shoal/actors";
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";
import type { KeepaliveTimes, LinkFactory, LinkIdentity, ParameterLink, RunMembers } from "@shoal/protocol";
import {
  createParameterRpcServer,
  createShardHost,
  type Hosting,
  type ParameterRpcServer,
  type ServiceBounds,
  type ShardHost,
} from "@shoal/ps-server";
import { createGrpcLinkFactory, createInProcessLinkFactory } from "@shoal/worker";
import { kernelFixture } from "./model-kernels.ts";
import { plainShards } from "./plain-shards.ts";

const token = "the cluster's token";

export interface LinkSceneOptions {
  /** Keys of each shard; shard i has `sizes[i]`. */
  readonly sizes: readonly number[];
  readonly hosting?: Partial<Hosting>;
  readonly bounds?: Partial<ServiceBounds>;
  /** Values that every shard is initialised with; undefined leaves them without. */
  readonly fill?: number;
  /** What carries gRPC on either side; "http2" by default. */
  readonly engines?: { readonly server?: Engine; readonly client?: Engine };
  readonly keepalive?: KeepaliveTimes;
  /** Leads the links over another address than the server's own, given its port. */
  readonly detour?: (port: number) => Promise<string>;
}

export type Engine = "http2" | "grpc-js";

export interface LinkScene {
  readonly host: ShardHost;
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  /** Kernel memory in use before the first request: the shards' own vectors. */
  readonly restingBytes: number;
  /** Float32 view of a region in kernel memory. */
  floats(count: number, fill?: number): Float32Array;
  link(worker?: number, identity?: Partial<LinkIdentity>): ParameterLink;
  close(): Promise<void>;
}

export type MakeLinkScene = (options: LinkSceneOptions) => Promise<LinkScene>;

/** A gRPC scene has a server that a test may stop and call by itself. */
export interface GrpcScene extends LinkScene {
  readonly server: ParameterRpcServer;
  readonly endpoint: string;
  readonly token: string;
  /** Another server for the same shards. */
  restart(port: number): Promise<void>;
}

export const sceneRun = "run-1";

export function identityOf(worker: number): LinkIdentity {
  return { run: sceneRun, worker, incarnation: 1, name: `worker-${worker}` };
}

function membersOf(...numbers: readonly number[]): RunMembers {
  const workers = numbers.map((member) => ({ member, incarnation: 1, name: `worker-${member}` }));
  return { revision: 1, workers, slotOwners: numbers };
}

const hostingOf = ({ sizes, hosting }: LinkSceneOptions): Hosting => ({
  run: sceneRun,
  term: 1,
  ...plainShards(...sizes.map((size, shard) => ({ shard, begin: 0, end: size }))),
  optimizer: { name: "accumulate", scale: 1 },
  schedule: { name: "constant" },
  consistency: { mode: "asynchronous" },
  aggregation: "sum",
  staleness: {},
  slots: 2,
  members: membersOf(1, 2),
  ...hosting,
});

async function makeServerSide(options: LinkSceneOptions) {
  const { memory, kernels } = await kernelFixture();
  const system = createActorSystem({
    node: "server-1",
    bus: createInProcessBus(),
    clock: systemClock,
    random: createRandom(1),
  });
  const host = createShardHost({ system, memory, kernels });
  await host.host(hostingOf(options));
  return { memory, kernels, system, host };
}

/** Connects links, initialises the shards, and closes what was opened. */
async function furnish(
  side: Awaited<ReturnType<typeof makeServerSide>>,
  options: LinkSceneOptions,
  factory: LinkFactory,
  endpoint: string,
): Promise<LinkScene> {
  const links: ParameterLink[] = [];
  const { memory, kernels, host, system } = side;
  const scene: LinkScene = {
    host,
    memory,
    kernels,
    restingBytes: memory.allocatedBytes,
    floats(count, fill = 0) {
      return memory.floats(memory.allocate(count * 4).byteOffset, count).fill(fill);
    },
    link(worker = 1, identity = {}) {
      const link = factory.connect(endpoint, { ...identityOf(worker), ...identity });
      links.push(link);
      return link;
    },
    async close() {
      await Promise.all(links.map((link) => link.close()));
      await system.stop();
    },
  };
  if (options.fill === undefined) return scene;
  const first = scene.link();
  for (const [shard, size] of options.sizes.entries()) {
    await first.initialize({ shard, values: new Float32Array(size).fill(options.fill) }, { deadlineMs: 5000 });
  }
  return scene;
}

export const makeInProcessScene: MakeLinkScene = async (options) => {
  const side = await makeServerSide(options);
  const { memory, kernels, host } = side;
  const factory = createInProcessLinkFactory({
    directoryOf: (endpoint) => (endpoint === "server-1" ? host : undefined),
    memory,
    kernels,
    clock: systemClock,
  });
  return furnish(side, options, factory, "server-1");
};

export async function makeGrpcScene(options: LinkSceneOptions): Promise<GrpcScene> {
  const side = await makeServerSide(options);
  const { memory, kernels, host } = side;
  const keepalive = options.keepalive === undefined ? {} : { keepalive: options.keepalive };
  const makeServer = (): ParameterRpcServer =>
    createParameterRpcServer({
      shards: host,
      memory,
      kernels,
      clock: systemClock,
      token,
      engine: options.engines?.server ?? "http2",
      ...keepalive,
      ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
    });
  let server = makeServer();
  const endpoint = await server.listen({ host: "127.0.0.1", port: 0 });
  const factory = createGrpcLinkFactory({
    clock: systemClock,
    token,
    engine: options.engines?.client ?? "http2",
    ...keepalive,
  });
  const reached = (await options.detour?.(Number(endpoint.split(":")[1]))) ?? endpoint;
  const scene = await furnish(side, options, factory, reached);
  return {
    ...scene,
    get server() {
      return server;
    },
    endpoint,
    token,
    async restart(port) {
      server = makeServer();
      await server.listen({ host: "127.0.0.1", port });
    },
    async close() {
      await scene.close();
      await server.close();
    },
  };
}
