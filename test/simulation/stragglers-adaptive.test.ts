/** One of eight workers is five times slower, in virtual time: what adaptive batches and predicted waiting make of it. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainInVirtualTime, type TimedOutcome } from "../support/timed-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 1024, testSamples: 100, seed: 4 });

function jobOf(change: Partial<JobInput>): JobSpec {
  return checkJob({
    name: "digits",
    model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
    data: { type: "digits", samples: 1024, testSamples: 100, seed: 4 },
    optimizer: { name: "sgd", learningRate: 0.05 },
    batchSize: 64,
    workers: 8,
    seed: 7,
    ...change,
  });
}

/** A millisecond a sample; worker 1 takes five. */
const scene = { site, dataset, workers: 8, msPerSample: (worker: number) => (worker === 1 ? 5 : 1) };
/** Samples of a millisecond of the seven others, if they never waited. */
const seven = 7;

/** Samples of a millisecond, after the beginning: of the epochs from `from` to `to`. */
async function throughput(change: Partial<JobInput>, from: number, to: number): Promise<number> {
  const early = await trainInVirtualTime({ ...scene, job: jobOf({ ...change, epochs: from }) });
  const late = await trainInVirtualTime({ ...scene, job: jobOf({ ...change, epochs: to }) });
  return (late.status.samples - early.status.samples) / (late.virtualMs - early.virtualMs);
}

function waitingShare({ status }: TimedOutcome, name: string): number {
  const worker = status.workers.find((each) => each.name === name);
  return worker === undefined ? 1 : worker.waitMs / (worker.waitMs + worker.computeMs);
}

describe("one of eight workers that is five times slower", () => {
  it("holds a synchronous run without a cure to its own speed", async () => {
    // 512 samples in 320 ms.
    expect(await throughput({}, 4, 12)).toBeLessThan(0.25 * seven);
  });

  it("gets a smaller part of each step with adaptive batches: the run is as fast as the others", async () => {
    const stragglers = { adaptiveBatch: true };
    expect(await throughput({ stragglers }, 12, 40)).toBeGreaterThan(0.9 * seven);
    const outcome = await trainInVirtualTime({ ...scene, job: jobOf({ stragglers, epochs: 40 }) });
    expect(outcome.status).toMatchObject({ phase: "completed", samples: 40 * 1024 });
    // Each sample once: the cuts of a step agree, whoever computes.
    expect([...outcome.computed.values()].reduce((all, count) => all + count, 0)).toBe(40 * 1024);
    const [slow = 0, fast = 1] = ["worker-1", "worker-2"].map((name) => outcome.computed.get(name) ?? 0);
    expect(slow / fast).toBeLessThan(0.35);
    expect(waitingShare(outcome, "worker-2")).toBeLessThan(0.2);
  });

  it("is not waited for where the shards predict that it is not worth it", async () => {
    const stragglers = { predictedWaiting: true };
    const outcome = await trainInVirtualTime({ ...scene, job: jobOf({ stragglers, epochs: 40 }) });
    expect(outcome.status.error).toBeNull();
    expect(outcome.status).toMatchObject({ phase: "completed", batchesDone: 40 * 16 });
    const [shard] = outcome.shards;
    // Nearly every step of 8 without the slow one's; the first ones wait, for nothing is known yet.
    expect(shard?.version).toBe(80);
    expect(shard?.batchesApplied).toBeGreaterThan(80 * 7 - 1);
    expect(shard?.batchesApplied).toBeLessThan(80 * 7 + 12);
    // 7 of 8 contributions of 64 samples in 64 ms, and two exchanges; the first steps take five times as long.
    expect(outcome.virtualMs / 80).toBeLessThan(64 / 0.75);
    expect(outcome.status.result?.accuracy).toBeGreaterThan(0.5);
  });

  it("is waited for when all are alike, whatever small differences there are", async () => {
    const alike = { ...scene, msPerSample: (worker: number) => 1 + worker / 200 };
    const job = jobOf({ stragglers: { predictedWaiting: true }, epochs: 20 });
    const { shards } = await trainInVirtualTime({ ...alike, job });
    expect(shards[0]).toMatchObject({ version: 40, batchesApplied: 320 });
  });
});
