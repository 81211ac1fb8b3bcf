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

export interface RobustJobOptions {
  readonly workers: number;
  readonly shards: number;
  /** Copies of each shard beside its primary. */
  readonly replicas: number;
  /** How long it trains undisturbed, about: longer than the disturbance and what has to be seen after it. */
  readonly trainedMs: number;
  /** Epochs of the training that says how long one takes; default 3. Of slow lines one says enough. */
  readonly measuredEpochs?: number;
}

export interface RobustJob {
  /** Synchronous, with a slot for each worker. */
  readonly job: object;
  /** Parameters that a plain loop makes of it. */
  readonly expected: Float32Array;
}

/** A job that is long enough to be disturbed on this machine as busy as it is now, and no longer. */
export async function robustJob(
  cluster: KillableCluster,
  { workers, shards, replicas, trainedMs, measuredEpochs = 3 }: RobustJobOptions,
): Promise<RobustJob> {
  const short = { ...common, workers, shards, durability: { replicas }, epochs: measuredEpochs };
  const { elapsedMs } = await cluster.completed(await cluster.submit(short));
  const epochs = Math.min(96, Math.max(measuredEpochs + 1, Math.ceil((trainedMs * short.epochs) / elapsedMs)));
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
    ({ batchesDone, totalBatches, reason }) => batchesDone > totalBatches / 10 && !reason.includes("have only"),
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
