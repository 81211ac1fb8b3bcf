/** Slots move from a worker that is five times slower to the others, in virtual time: faster, and the same bits. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import { expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { trainInVirtualTime } from "../support/timed-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";

const data = { type: "digits", samples: 2048, testSamples: 50, seed: 4 } as const;

it("moving slots leaves the result bit-equal to one plain loop", async () => {
  const site = await createTrainingSite();
  const dataset = generateDigits(data);
  const job = checkJob({
    name: "digits",
    model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
    data,
    optimizer: { name: "sgd", learningRate: 0.05, momentum: 0.9 },
    stragglers: { handOff: true },
    batchSize: 8,
    slots: 32,
    epochs: 10,
    workers: 8,
    shards: 3,
    seed: 7,
  });
  const msPerSample = (worker: number): number => (worker === 1 ? 5 : 1);
  const { status, parameters, computed } = await trainInVirtualTime({ site, dataset, job, workers: 8, msPerSample });
  expect(status).toMatchObject({ phase: "completed", samples: 10 * 2048 });
  // Dealt evenly it would be an eighth; of 32 slots it keeps one, after the first steps.
  expect((computed.get("worker-1") ?? 0) / (10 * 2048)).toBeLessThan(0.05);
  const plain = trainPlainly(job, 32, dataset, site.kernels, site.memory);
  expect(parameters.every((value, index) => Object.is(value, plain.parameters[index]))).toBe(true);
});
