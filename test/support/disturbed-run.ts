/** One synchronous job that is disturbed on a real cluster, and what it has to give whatever happens. */
import { readFileSync } from "node:fs";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile, generateDigits } from "@shoal/models";
import type { RunStatus } from "shoal";
import type { KillableCluster } from "./killable-cluster.ts";
import { perceptron } from "./perceptron.ts";
import { trainPlainly } from "./plain-training.ts";
import { createTrainingSite } from "./training-cluster.ts";

const data = { samples: 2_000, testSamples: 200, seed: 3 };

const common = {
  name: "robust",
  model: perceptron([48]),
  data: { type: "digits", ...data },
  optimizer: { name: "adam", learningRate: 0.002 },
  batchSize: 32,
  seed: 5,
};

interface JobScale {
  readonly workers: number;
  readonly shards: number;
  /** Copies of each shard beside its primary. */
  readonly replicas: number;
}

/**
 * How long it trains undisturbed, about: longer than the disturbance and what has to be seen after it. Or how many epochs, where
 * slow lines say how long one takes at least.
 */
type JobLength = { readonly trainedMs: number } | { readonly epochs: number };

export type RobustJobOptions = JobScale & JobLength;

export interface RobustJob {
  /** Synchronous, with a slot for each worker. */
  readonly job: object;
  /** Parameters that a plain loop makes of it. */
  readonly expected: Float32Array;
}

/** A job that is long enough to be disturbed on this machine as busy as it is now, and no longer. */
export async function robustJob(cluster: KillableCluster, options: RobustJobOptions): Promise<RobustJob> {
  const { workers, shards, replicas } = options;
  const short = { ...common, workers, shards, durability: { replicas }, epochs: 3 };
  const measured = async (trainedMs: number): Promise<number> => {
    const { elapsedMs } = await cluster.completed(await cluster.submit(short));
    return Math.min(96, Math.max(4, Math.ceil((trainedMs * short.epochs) / elapsedMs)));
  };
  const epochs = "epochs" in options ? options.epochs : await measured(options.trainedMs);
  const site = await createTrainingSite();
  const job = { ...short, epochs };
  const { parameters } = trainPlainly(checkJob(job), workers, generateDigits(data), site.kernels, site.memory);
  return { job, expected: parameters };
}

export interface DisturbedRun {
  readonly status: RunStatus;
  readonly parameters: Float32Array;
  /** What the coordinators wrote since the disturbance began. */
  readonly log: string;
}

/**
 * Trains a job and disturbs it when a tenth is done and all copies are there.
 * @throws ShoalError of the run
 */
export async function trainDisturbed(
  cluster: KillableCluster,
  job: object,
  disturb: (run: string) => Promise<void>,
): Promise<DisturbedRun> {
  const run = await cluster.submit(job);
  await cluster.until(
    run,
    ({ batchesDone, totalBatches, reason }) => batchesDone > totalBatches / 10 && !/ ha(?:s|ve) only /.test(reason),
  );
  const beganAtMs = Date.now();
  await disturb(run);
  const status = await cluster.completed(run);
  const { parameters } = decodeModelFile(readFileSync(status.result?.modelFile ?? ""));
  return { status, parameters, log: cluster.log(beganAtMs) };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
