/** Consistency that changes during a run, in virtual time: synchronous warm-up, and a bound that follows the waiting. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { Consistency, JobInput, JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { trainInVirtualTime } from "../support/timed-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 330, testSamples: 100, seed: 4 });

function jobOf(consistency: Consistency, change: Partial<JobInput> = {}): JobSpec {
  return checkJob({
    name: "digits",
    model: {
      inputs: 784,
      layers: [{ type: "dense", outputs: 10 }],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "digits", samples: 330, testSamples: 100, seed: 4 },
    optimizer: { name: "sgd", learningRate: 0.05 },
    batchSize: 10,
    workers: 4,
    consistency,
    seed: 7,
    ...change,
  });
}

const even = { site, dataset, workers: 4, msPerSample: () => 1 };

describe("a synchronous warm-up", () => {
  it.each([
    { mode: "asynchronous", warmUpSteps: 6 },
    { mode: "bounded", staleness: 1, warmUpSteps: 6 },
  ] as const)("is followed by leases ($mode), and every batch counts once", async (consistency) => {
    const job = jobOf(consistency, { epochs: 3, slots: 5 });
    const { status, shards } = await trainInVirtualTime({ ...even, servers: 2, job });
    expect(status.error).toBeNull();
    expect(status).toMatchObject({ phase: "completed", batchesDone: 99, samples: 990 });
    // Six steps of five batches are six versions, the 69 other batches one each.
    for (const shard of shards) expect(shard).toMatchObject({ version: 6 + 69, batchesApplied: 99, rejected: 0 });
    if (consistency.mode === "bounded") expect(Math.max(...shards.map((shard) => shard.stalenessMax))).toBeLessThan(12);
  });

  it("that is the whole run gives the bits of a synchronous one", async () => {
    // 33 batches an epoch, 11 steps of 3.
    const job = jobOf({ mode: "asynchronous", warmUpSteps: 22 }, { epochs: 2, slots: 3 });
    const { status, parameters } = await trainInVirtualTime({ ...even, job });
    expect(status).toMatchObject({ phase: "completed", batchesDone: 66 });
    const plain = trainPlainly({ ...job, consistency: { mode: "synchronous" } }, 3, dataset, site.kernels, site.memory);
    expect(parameters).toEqual(plain.parameters);
  });

  it("that is longer than the run is refused with the longest that fits", async () => {
    const job = jobOf({ mode: "asynchronous", warmUpSteps: 40 }, { epochs: 2, slots: 3 });
    const { status } = await trainInVirtualTime({ ...even, job });
    expect(status.phase).toBe("failed");
    expect(status.reason).toContain("job.consistency.warmUpSteps: expected at most 22");
  });
});

describe("a bound that adapts", () => {
  const straggler = (worker: number): number => (worker === 1 ? 3 : 1);

  it("grows while the fast workers wait for a slow one, up to its maximum", async () => {
    const job = jobOf({ mode: "bounded", staleness: 0, adaptive: { maximum: 3, waiting: 0.1 } }, { epochs: 10 });
    const { status, shards } = await trainInVirtualTime({ ...even, msPerSample: straggler, job });
    expect(status.phase).toBe("completed");
    expect(shards.map(({ bound }) => bound)).toEqual(shards.map(() => 3));
  });

  it("stays where nobody waits", async () => {
    const job = jobOf({ mode: "bounded", staleness: 2, adaptive: { maximum: 9, waiting: 0.1 } }, { epochs: 10 });
    const { shards } = await trainInVirtualTime({ ...even, job });
    expect(shards.map(({ bound }) => bound)).toEqual(shards.map(() => 2));
  });
});
