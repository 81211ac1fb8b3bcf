/** Encodings in whole trainings, in virtual time: what a slow line gains by them, and which bits they keep. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainOverLine, type LineOutcome } from "../support/line-training.ts";
import { trainInVirtualTime } from "../support/timed-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const data = { type: "digits", samples: 4000, testSamples: 1000, seed: 3 } as const;
const dataset = generateDigits(data);

function jobOf(change: Partial<JobInput>): JobSpec {
  return checkJob({
    name: "bytes",
    model: {
      inputs: 784,
      layers: [
        { type: "dense", outputs: 64, activation: "relu" },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data,
    optimizer: { name: "sgd", learningRate: 0.1 },
    evaluation: { everySteps: 1_000_000 },
    batchSize: 32,
    epochs: 3,
    workers: 4,
    seed: 5,
    ...change,
  });
}

const train = (change: Partial<JobInput>): Promise<LineOutcome> =>
  trainOverLine({ site, dataset, workers: 4, msPerSample: 0.02, job: jobOf(change) });

describe("training through 100 Mbit/s", () => {
  it("is at least five times as fast with encodings, and loses at most a point of accuracy", async () => {
    const epochs = 8;
    const plain = await train({ epochs });
    const encoded = await train({ epochs, encoding: { push: { name: "top_k", share: 0.02 }, pull: { name: "int4" } } });
    expect(plain.virtualMs / encoded.virtualMs).toBeGreaterThanOrEqual(5);
    expect(encoded.accuracy).toBeGreaterThanOrEqual(plain.accuracy - 0.01);
    const { pushedBefore, pushedAfter, pulledBefore, pulledAfter, errors } = encoded.traffic;
    expect(pushedBefore / pushedAfter).toBeGreaterThan(20); // 2 % of the elements at 8 bytes instead of 4: 25
    expect(pulledBefore / pulledAfter).toBeGreaterThan(6); // the first pull of each worker comes whole
    expect(errors).toBeGreaterThan(0);
  });

  it("is pushed smaller with auto, which finds the line too slow for float32", async () => {
    const { traffic } = await train({ encoding: { push: { name: "auto" } } });
    expect(traffic.pushedBefore / traffic.pushedAfter).toBeGreaterThan(3);
    expect(traffic.errors).toBeGreaterThan(0);
  });
});

describe("a synchronous run with encoded pushes", () => {
  it.each(["bfloat16", "float16", "int8"])(
    "as %s without error feedback gives the same bits whoever computes",
    async (name) => {
      const encoding = { push: { name, errorFeedback: false } };
      const runs = [1, 2, 4].map((workers) =>
        trainInVirtualTime({
          ...{ site, dataset, workers, servers: 2, msPerSample: () => 0.1 },
          job: jobOf({ encoding, workers, slots: 4, epochs: 1 }),
        }),
      );
      const [alone, two, four] = await Promise.all(runs);
      expect(alone?.parameters.length).toBe(784 * 64 + 64 + 650);
      expect(two?.parameters).toEqual(alone?.parameters); // no tolerance
      expect(four?.parameters).toEqual(alone?.parameters);
    },
  );
});
