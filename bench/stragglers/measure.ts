/**
 * One of eight workers takes five times as long for a sample: what a cure makes of the run, in virtual time. Coordinator,
 * shards and workers are the real ones; computing and links take the time that they are given.
 */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, RunStatus } from "@shoal/protocol";
import { trainInVirtualTime } from "../../test/support/timed-training.ts";
import type { TrainingSite } from "../../test/support/training-cluster.ts";

export interface Cure {
  readonly name: string;
  readonly job: Partial<JobInput>;
  /** What the issue asks of it. */
  readonly aims?: { readonly throughput?: number; readonly idle?: number };
}

const bounded = { mode: "bounded", staleness: 3 } as const;
const asynchronous = { mode: "asynchronous" } as const;
const well = { throughput: 0.9 };
const best = { throughput: 0.9, idle: 0.02 };

export const cures: readonly Cure[] = [
  { name: "synchronous", job: {} },
  { name: "synchronous, backup 1", job: { stragglers: { backup: 1 } }, aims: best },
  { name: "synchronous, adaptive batches", job: { stragglers: { adaptiveBatch: true } }, aims: well },
  { name: "synchronous, 32 slots", job: { slots: 32, batchSize: 32 } },
  {
    name: "synchronous, 32 slots, hand-off",
    job: { slots: 32, batchSize: 32, stragglers: { handOff: true } },
    aims: well,
  },
  { name: "synchronous, predicted waiting", job: { stragglers: { predictedWaiting: true } }, aims: well },
  { name: "synchronous, recommended", job: { stragglers: "recommended" }, aims: best },
  { name: "bounded(3)", job: { consistency: bounded } },
  { name: "bounded(3), recommended", job: { consistency: bounded, stragglers: "recommended" }, aims: best },
  { name: "asynchronous", job: { consistency: asynchronous } },
  { name: "asynchronous, recommended", job: { consistency: asynchronous, stragglers: "recommended" }, aims: best },
];

const workers = 8;
const slowness = 5;
/** Samples of a millisecond of the seven others, if they never waited. */
const others = workers - 1;
const data = { type: "digits", samples: 16_384, testSamples: 50, seed: 4 } as const;
const dataset = generateDigits(data);
/** Looked at from here on: every speed is known. */
const settledMs = 6000;

export interface Measured {
  /** Samples that were trained on, beside those that the seven others compute if they never wait. */
  readonly throughput: number;
  /** Waiting of all workers, as a share of their time; as they report it. */
  readonly idle: number;
  /** Steps that the straggler itself had computed when it was named: with backup workers it takes no part in most. */
  readonly namedAfter: number | null;
  readonly status: RunStatus;
}

/** @param lastMs virtual time to look at, beyond the first six seconds */
export async function measureCure(site: TrainingSite, { job }: Cure, lastMs: number): Promise<Measured> {
  const seen: RunStatus[] = [];
  let namedAfter: number | null = null;
  let counted = 0;
  const observe = (status: RunStatus, gradients: ReadonlyMap<string, number>): void => {
    const slow = status.workers.find(({ name }) => name === "worker-1");
    if (slow?.straggler === true) namedAfter ??= Math.min(slow.clock, gradients.get(slow.name) ?? 0);
    // From the end of a step to the end of another: between them nothing is counted.
    const isNews = status.samples > counted;
    counted = status.samples;
    if (isNews && status.phase === "training" && status.elapsedMs >= settledMs) seen.push(status);
  };
  const { shards } = await trainInVirtualTime({
    ...{ site, dataset, workers, observe, job: checkJob({ ...common, ...job }), untilMs: settledMs + lastMs },
    msPerSample: (worker) => (worker === 1 ? slowness : 1),
  });
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined || last.elapsedMs <= first.elapsedMs) {
    throw new Error("the run ended before it was looked at");
  }
  const [shard] = shards;
  // Late contributions are counted as done and were not trained on.
  const applied = shard === undefined ? 1 : shard.batchesApplied / last.batchesDone;
  const samples = applied * (last.samples - first.samples);
  const [before, after] = [busyOf(first), busyOf(last)];
  const waitMs = after.waitMs - before.waitMs;
  const computeMs = after.computeMs - before.computeMs;
  return {
    throughput: samples / (last.elapsedMs - first.elapsedMs) / others,
    idle: waitMs / (waitMs + computeMs),
    namedAfter,
    status: last,
  };
}

const common: JobInput = {
  name: "stragglers",
  model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
  data,
  optimizer: { name: "sgd", learningRate: 0.05 },
  batchSize: 128,
  epochs: 1000,
  evaluation: { everySteps: 1_000_000 },
  workers,
  seed: 7,
};

function busyOf({ workers: all }: RunStatus): { readonly waitMs: number; readonly computeMs: number } {
  const sum = (pick: (worker: RunStatus["workers"][number]) => number): number =>
    all.reduce((total, worker) => total + pick(worker), 0);
  return { waitMs: sum(({ waitMs }) => waitMs), computeMs: sum(({ computeMs }) => computeMs) };
}
