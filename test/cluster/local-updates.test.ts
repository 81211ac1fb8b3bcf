/** Local updates through servers and workers: against a plain loop, and whoever computes. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import { partitionKeys, type JobInput, type JobSpec, type LinkFactory } from "@shoal/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { trainLocally } from "../support/plain-local-training.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";
import { countBytes, type ByteCounts } from "../support/watched-links.ts";

const whole = { fragments: 1, delay: 0, mixing: 0 } as const;

const site = await createTrainingSite();
const data = { samples: 650, testSamples: 100, seed: 2 };
const dataset = generateDigits(data);

/** Rounds of 4 slots, 5 steps and 16 samples: the second round of an epoch is partial, its batches too. */
function jobOf(change: Partial<JobInput>): JobSpec {
  return checkJob({
    name: "local",
    model: perceptron([24]),
    data: { type: "digits", ...data },
    optimizer: { name: "sgd", learningRate: 0.05 },
    batchSize: 16,
    epochs: 3,
    slots: 4,
    seed: 11,
    ...change,
  });
}

let cluster: TrainingCluster | undefined;
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  expect(cluster?.failures ?? []).toEqual([]);
  cluster = undefined;
});

async function train(
  job: JobSpec,
  workers: number,
  wire: "in-process" | "grpc" = "in-process",
  counts: ByteCounts = { pushed: 0, pulled: 0 },
): Promise<Float32Array> {
  const computeKind = wire === "grpc" ? "thread" : "inline";
  const wrapLinks = (links: LinkFactory): LinkFactory => countBytes(links, counts);
  cluster = await startTrainingCluster({ site, dataset, servers: 2, workers, computeKind, wire, wrapLinks });
  const run = await cluster.submit({ ...job, workers });
  const status = await cluster.ended(run);
  expect(status).toMatchObject({ phase: "completed", error: null, batchesDone: status.totalBatches });
  const { parameters } = cluster.model(run);
  await cluster[Symbol.asyncDispose]();
  cluster = undefined;
  return parameters;
}

const rules = [
  [
    { name: "local_sgd", steps: 5 },
    { name: "sgd", learningRate: 0.05 },
  ],
  [
    { name: "easgd", steps: 5, elasticity: 0.2 },
    { name: "sgd", learningRate: 0.05, momentum: 0.9 },
  ],
  [
    { name: "geo_sgd", steps: 5 },
    { name: "sgd", learningRate: 0.05 },
  ],
  [
    { name: "fedasync", steps: 5, mixing: 0.6 },
    { name: "sgd", learningRate: 0.05 },
  ],
  [
    { name: "diloco", steps: 5, outerLearningRate: 0.7, outerMomentum: 0.9, ...whole },
    { name: "adamw", learningRate: 0.002 },
  ],
] as const;

describe.each(rules)("%j", (communication, optimizer) => {
  it("equals a plain loop of replicas, and gives the same bits with 1, 2 or 4 workers", async () => {
    const job = jobOf({ communication, optimizer, schedule: { name: "cosine", totalSteps: 60 } });
    const expected = trainLocally(job, 4, dataset, site.kernels, site.memory);
    const found = await train(job, 2);
    // The shards round to float32 what the plain loop keeps in float64: a few units of the last place a round, which the
    // training that follows may enlarge.
    let worst = 0;
    for (const [key, value] of expected.entries()) worst = Math.max(worst, Math.abs(value - (found[key] ?? NaN)));
    expect(worst).toBeLessThan(2e-5);
    expect(await train(job, 1)).toEqual(found);
    // Links know nothing of what is pushed: one rule over gRPC, with threads, stands for all.
    expect(await train(job, 4, communication.name === "easgd" ? "grpc" : "in-process")).toEqual(found);
  });
});

describe("streaming DiLoCo", () => {
  it.each([
    { fragments: 2, delay: 0, mixing: 0 },
    { fragments: 3, delay: 2, mixing: 0 },
    { fragments: 3, delay: 1, mixing: 0.5 },
  ])("exchanges the fragments in turn, as a plain loop does, with any number of workers: %j", async (stream) => {
    const diloco = { name: "diloco", steps: 12, outerLearningRate: 0.7, outerMomentum: 0.9 } as const;
    const optimizer = { name: "adamw", learningRate: 0.002 };
    // 3 rounds of 4 × 16 × (6 or 4) samples an epoch: no round is too short for the delay.
    const job = jobOf({ communication: { ...diloco, ...stream }, optimizer, shards: 6, epochs: 4 });
    const counts = { pushed: 0, pulled: 0 };
    const found = await train(job, 2, "in-process", counts);
    const size = found.length;
    const ends = Array.from({ length: stream.fragments }, (_, f) => partitionKeys(size, 6)[((f + 1) * 6) / stream.fragments - 1]?.end ?? 0); // prettier-ignore
    const expected = trainLocally(job, 4, dataset, site.kernels, site.memory, ends);
    let worst = 0;
    for (const [key, value] of expected.entries()) worst = Math.max(worst, Math.abs(value - (found[key] ?? NaN)));
    expect(worst).toBeLessThan(5e-5); // as above, over more rounds
    expect(await train(job, 1)).toEqual(found);
    expect(await train(job, 4, stream.mixing > 0 ? "grpc" : "in-process")).toEqual(found);
    // Each round moves one fragment: every slot pushes it, every worker pulls it.
    const rounds = Math.ceil(650 / (4 * 16 * (12 / stream.fragments))) * 4;
    expect(counts.pushed).toBeLessThan((1.02 * rounds * 4 * size * 4) / stream.fragments);
  });
});

describe("accumulation on the worker", () => {
  it("gives the bits of one plain loop whose contributions are as large and computed in the same pieces", async () => {
    const found = await train(jobOf({ accumulation: 3 }), 2);
    const same = jobOf({ batchSize: 48, microBatch: 16 });
    expect(found).toEqual(trainPlainly(same, 4, dataset, site.kernels, site.memory).parameters);
  });

  it("also before each step of local updates", async () => {
    const communication = { name: "local_sgd", steps: 3 } as const;
    const found = await train(jobOf({ accumulation: 2, communication }), 2);
    const same = await train(jobOf({ batchSize: 32, microBatch: 16, communication }), 4);
    expect(found).toEqual(same);
  });
});

describe("local updates in the other modes", () => {
  it.each([
    [
      { mode: "bounded", staleness: 2 },
      { name: "geo_sgd", steps: 4 },
    ],
    [{ mode: "asynchronous" }, { name: "easgd", steps: 4, elasticity: 0.2 }],
    [{ mode: "asynchronous" }, { name: "fedasync", steps: 4, mixing: 0.6 }],
    [
      { mode: "asynchronous", buffer: 3 },
      { name: "diloco", steps: 4, outerLearningRate: 0.7, outerMomentum: 0, ...whole },
    ],
  ] as const)("finish every batch: %j with %j", async (consistency, communication) => {
    const parameters = await train(jobOf({ consistency, communication, epochs: 2 }), 3);
    expect(parameters.every((value) => Number.isFinite(value))).toBe(true);
  });
});
