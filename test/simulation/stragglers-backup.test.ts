/** One of eight workers is five times slower, in virtual time: that it is named, and what a quorum makes of it. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainInVirtualTime } from "../support/timed-training.ts";
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

describe("one of eight workers that is five times slower", () => {
  it("is waited for in no step with one backup worker: its late contributions are dropped, and the model learns", async () => {
    const outcome = await trainInVirtualTime({ ...scene, job: jobOf({ stragglers: { backup: 1 }, epochs: 40 }) });
    expect(outcome.status.error).toBeNull();
    expect(outcome.status).toMatchObject({ phase: "completed", batchesDone: 40 * 16 });
    const [shard] = outcome.shards;
    // Two steps of eight an epoch, each of exactly seven contributions.
    expect(shard).toMatchObject({ version: 80, batchesApplied: 80 * 7 });
    // 7 · 64 samples in a step of 64 ms and its exchanges: 90 % of what the seven compute if they never wait.
    const samplesPerMs = (80 * 7 * 64) / outcome.virtualMs;
    expect(samplesPerMs).toBeGreaterThan(0.9 * 7);
    for (const { computeMs, waitMs } of outcome.status.workers) {
      expect(waitMs / (waitMs + computeMs)).toBeLessThanOrEqual(0.02);
    }
    expect(outcome.status.result?.accuracy).toBeGreaterThan(0.5);
  });

  it("is named by its fifth step, first in the list, and nobody else is", async () => {
    const { status } = await trainInVirtualTime({ ...scene, job: jobOf({ epochs: 40 }), untilMs: 5 * 330 });
    const [first, ...others] = status.workers;
    expect(first).toMatchObject({ name: "worker-1", straggler: true });
    expect(first?.clock).toBeLessThanOrEqual(5);
    // Five times as long for each sample; computing itself takes no virtual time.
    expect(first?.timesMedian).toBeCloseTo(5, 5);
    expect(others.map(({ straggler }) => straggler)).toEqual(others.map(() => undefined));
  });

  it("needs a job of more slots than backup workers, in steps that can do without some", () => {
    expect(() => jobOf({ slots: 2, stragglers: { backup: 2 } })).toThrow("less than the job's 2 slots");
    expect(() => jobOf({ consistency: { mode: "asynchronous" }, stragglers: { backup: 1 } })).toThrow("expected 0");
    expect(() => jobOf({ aggregation: "adasum", stragglers: { backup: 1 } })).toThrow("every slot");
  });
});
