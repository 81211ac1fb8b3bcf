/**
 * Whole runs in virtual time that learn or cannot learn, and what their guard says. The first is what users of other
 * systems reported as failing: several asynchronous workers, learning rate .01, batches of 64.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkJob } from "@shoal/coordinator";
import { loadDatasetInThread } from "@shoal/models/host";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainInVirtualTime, type TimedOutcome } from "../support/timed-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";
import { trainingData } from "../support/training-data.ts";

const { spec, folder } = trainingData();
const dataset = await loadDatasetInThread(spec, { dataFolder: folder, cacheFolder: join(tmpdir(), "shoal-guard") });
const site = await createTrainingSite();

function jobOf(change: Partial<JobInput>): JobSpec {
  return checkJob({
    name: "mnist",
    model: {
      inputs: 784,
      layers: [
        { type: "dense", outputs: 64, activation: "relu" },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: spec,
    optimizer: { name: "sgd", learningRate: 0.01, momentum: 0.9 },
    consistency: { mode: "asynchronous" },
    seed: 3,
    ...change,
  });
}

function train(workers: number, change: Partial<JobInput>): Promise<TimedOutcome> {
  const job = jobOf({ workers, ...change });
  return trainInVirtualTime({ site, dataset, workers, msPerSample: (worker) => 2 + worker / 50, job });
}

describe("eight asynchronous workers with default settings, learning rate .01 and batches of 64", () => {
  it("learn, and the guard has nothing to say", async () => {
    const { status } = await train(8, { epochs: 6 });
    expect(status.phase).toBe("completed");
    expect(status.stalenessMean).toBeGreaterThan(5);
    expect(status.result?.accuracy).toBeGreaterThan(0.95);
  });
});

describe("thirty asynchronous workers at a learning rate that is good for one", () => {
  const bold = { optimizer: { name: "sgd", learningRate: 0.3 }, batchSize: 32, epochs: 2 } as const;
  const none = { weight: { name: "none" } } as const;

  it("cannot learn without a rule for stale gradients, and the run says so", async () => {
    const { status } = await train(30, { ...bold, staleness: none });
    expect(status.phase).toBe("failed");
    // Of 3,750: it does not go on to the end for nothing.
    expect(status.batchesDone).toBeLessThan(1000);
    expect(["cannot_learn", "not_finite"]).toContain(status.error?.code);
    expect(status.reason).toMatch(/staleness (p95|mean) = \d+(\.\d+)? with no rule/);
  });

  it("learn with the default rule", async () => {
    const { status } = await train(30, bold);
    expect(status.phase).toBe("completed");
    expect(status.result?.accuracy).toBeGreaterThan(0.9);
  });
});
