/** Groups, frozen layers, running statistics, clipping and layer-wise optimisers give through shards what one loop gives. */
import { instantiateKernels } from "@shoal/kernels-wasm";
import { generateDigits, layoutOf, parseModelSpec } from "@shoal/models";
import { parseJobSpec, type JobInput, type JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite, startTrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 200, testSamples: 50, seed: 3 });

const model = {
  inputs: 784,
  layers: [
    { type: "dense", outputs: 12, activation: "relu" },
    { type: "dense", outputs: 9, frozen: true },
    { type: "batch_norm" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
};

function jobOf(change: Partial<JobInput>): JobSpec {
  return parseJobSpec({
    ...{ name: "groups", model, data: { type: "digits" }, batchSize: 20, epochs: 2, shards: 5, slots: 2, workers: 2 },
    ...{ optimizer: { name: "sgd", learningRate: 0.1, momentum: 0.9 }, ...change },
  });
}

const groups = [
  { parameters: "*.bias", weightDecay: 0 },
  { parameters: "3.*", learningRateScale: 3 },
];

async function throughShards(job: JobSpec): Promise<Float32Array> {
  await using cluster = await startTrainingCluster({ site, dataset, servers: 3, workers: 2, computeKind: "inline" });
  const run = await cluster.submit(job);
  const status = await cluster.ended(run);
  expect(status.phase, status.reason).toBe("completed");
  expect(cluster.failures).toEqual([]);
  return cluster.model(run).parameters;
}

describe("training with parameter groups", () => {
  it.each<[string, Partial<JobInput>]>([
    ["statistics and a frozen layer", {}],
    ["decay and rate by group", { optimizer: { name: "adamw", learningRate: 0.01 }, parameterGroups: groups }],
    ["a group that is frozen", { parameterGroups: [{ parameters: "0.*", frozen: true }] }],
    ["LAMB, a layer in one shard", { optimizer: { name: "lamb", learningRate: 0.02 }, parameterGroups: groups }],
    ["LARS", { optimizer: { name: "lars", learningRate: 5 } }],
    ["FTRL", { optimizer: { name: "ftrl", l1: 0.001 } }],
    ["a bound on each element", { gradientClip: { value: 0.01 } }],
    ["the deterministic profile", { deterministic: true }],
    ["batches in pieces", { microBatch: 7 }],
    ["mixed precision", { precision: "bfloat16", lossScale: "dynamic" }],
  ])("through 3 servers and 2 workers gives the bits of one loop: %s", async (_name, change) => {
    const job = jobOf(change);
    const build = job.deterministic ? "baseline" : "auto";
    const kernels = instantiateKernels(site.modules, site.memory, { build });
    const expected = trainPlainly(job, 2, dataset, kernels, site.memory);
    expect(await throughShards(job)).toEqual(expected.parameters);
  });

  it("bounds the norm of each contribution's gradient", async () => {
    const job = jobOf({ gradientClip: { norm: 0.5 } });
    const expected = trainPlainly(job, 2, dataset, site.kernels, site.memory);
    const found = await throughShards(job);
    // The one loop takes norms in float64, so factors differ by an ulp, which 20 steps make greater.
    expected.parameters.forEach((value, i) => {
      expect(Math.abs((found[i] ?? NaN) - value)).toBeLessThanOrEqual(1e-4 * Math.max(Math.abs(value), 0.01));
    });
    expect(found).not.toEqual(trainPlainly(jobOf({}), 2, dataset, site.kernels, site.memory).parameters);
  });

  it("changes a frozen layer by no bit, and the running statistics of the others", async () => {
    const still = trainPlainly(
      jobOf({ optimizer: { name: "sgd", learningRate: 0 } }),
      2,
      dataset,
      site.kernels,
      site.memory,
    );
    const moved = await throughShards(jobOf({}));
    for (const { name, offset, length, frozen } of layoutOf(parseModelSpec(model)).segments) {
      const [before, after] = [still.parameters, moved].map((values) => values.slice(offset, offset + length));
      if (frozen) expect(after, name).toEqual(before);
      else if (!name.includes("running")) expect(after, name).not.toEqual(before);
    }
  });
});
