/** Synchronous training across processes, over NATS and gRPC, equals one plain loop bit for bit. */
import { readFileSync } from "node:fs";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile, generateDigits } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";
import { startUp } from "../support/up.ts";

const site = await createTrainingSite();
/** 1,000 samples in batches of 32: the last step of an epoch is partial for every number of workers. */
const data = { samples: 1_000, testSamples: 200, seed: 3 };
const dataset = generateDigits(data);

describe("synchronous training across processes", () => {
  it.each([1, 2, 4])("O11: through 2 servers and %i workers equals one plain loop, no tolerance", async (workers) => {
    await using cluster = await startUp(["--workers", String(workers), "--servers", "2"]);
    const job = {
      name: "equal",
      model: perceptron([48]),
      data: { type: "digits", ...data },
      optimizer: { name: "adam", learningRate: 0.002 },
      batchSize: 32,
      epochs: 2,
      seed: 5,
      workers,
    };
    const status = await cluster.completed(await cluster.submit(job));
    const { parameters } = decodeModelFile(readFileSync(status.result!.modelFile));
    const plain = trainPlainly(checkJob(job), workers, dataset, site.kernels, site.memory);
    expect(parameters).toEqual(plain.parameters);
  });
});
