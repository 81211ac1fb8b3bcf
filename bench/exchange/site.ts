/** A server with one asynchronous shard for each size that is measured. */
import { createActorSystem, createInProcessBus, createSystemRandom, systemClock } from "@shoal/actors";
import {
  createKernelMemory,
  instantiateKernels,
  loadKernelModules,
  type KernelMemory,
  type Kernels,
} from "@shoal/kernels-wasm";
import { createShardHost, type ShardHost } from "@shoal/ps-server";

export const run = "exchange-bench";
/** Payloads that are measured, in bytes. */
export const sizes: readonly number[] = [4 * 2 ** 10, 64 * 2 ** 10, 2 ** 20, 4 * 2 ** 20, 16 * 2 ** 20, 64 * 2 ** 20];
/** Operations under way where throughput is measured, on the link and on the raw socket alike. */
export const inFlight = 4;

export interface Site {
  readonly memory: KernelMemory;
  readonly kernels: Kernels;
  readonly host: ShardHost;
  readonly stop: () => Promise<void>;
}

/** Shard i has `sizes[i]` bytes of values; a push adds the gradient to them. */
export async function createSite(): Promise<Site> {
  const memory = createKernelMemory();
  const kernels = instantiateKernels(await loadKernelModules(), memory);
  const random = createSystemRandom();
  const system = createActorSystem({ node: "server-1", bus: createInProcessBus(), clock: systemClock, random });
  const host = createShardHost({ system, memory, kernels });
  await host.host({
    run,
    term: 1,
    shards: sizes.map((bytes, shard) => ({ shard, begin: 0, end: bytes / 4, updates: [[bytes / 4, 0]] })),
    treatments: [{ kind: "optimizer", weightDecay: null, learningRateScale: 1 }],
    optimizer: { name: "accumulate", scale: 1 },
    schedule: { name: "constant" },
    consistency: { mode: "asynchronous" },
    aggregation: "sum",
    staleness: {},
    slots: 1,
    members: { revision: 1, workers: [{ member: 1, incarnation: 1, name: "worker-1" }], slotOwners: [1] },
  });
  return { memory, kernels, host, stop: () => system.stop() };
}
