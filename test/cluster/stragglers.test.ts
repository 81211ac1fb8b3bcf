/** Every cure for stragglers over gRPC, in real time: one of three workers takes five times as long for a sample. */
import { setTimeout as sleep } from "node:timers/promises";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { afterEach, describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const samples = 650;
const dataset = generateDigits({ samples, testSamples: 100, seed: 2 });
const epochs = 8;

let cluster: TrainingCluster | undefined;
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  expect(cluster?.failures ?? []).toEqual([]);
  cluster = undefined;
});

function slow(compute: ComputePort, name: string, computed: Map<string, number>): ComputePort {
  return {
    ...compute,
    async gradient(work, overlap) {
      const done = await compute.gradient(work, overlap);
      const ms = (name === "worker-1" ? 1.5 : 0.3) * done.samples;
      await sleep(ms);
      computed.set(name, (computed.get(name) ?? 0) + done.samples);
      return { ...done, endedAtMs: done.endedAtMs + ms };
    },
  };
}

describe("a run over gRPC with a straggler", () => {
  const bounded = { mode: "bounded", staleness: 3 } as const;
  it.each<readonly [string, Partial<JobInput>]>([
    ["backup workers", { stragglers: { backup: 1 } }],
    ["predicted waiting", { stragglers: { predictedWaiting: true } }],
    ["adaptive batches", { stragglers: { adaptiveBatch: true } }],
    ["hand-off", { slots: 12, batchSize: 8, stragglers: { handOff: true } }],
    ["the recommended setting, bounded", { consistency: bounded, stragglers: "recommended" }],
    ["the recommended setting, asynchronous", { consistency: { mode: "asynchronous" }, stragglers: "recommended" }],
  ])("ends with every batch done with %s", async (_name, change) => {
    const job = checkJob({
      name: "digits",
      model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } },
      data: { type: "digits", samples, testSamples: 100, seed: 2 },
      optimizer: { name: "sgd", learningRate: 0.05 },
      ...{ batchSize: 32, epochs, workers: 3, shards: 3, seed: 11 },
      ...change,
    });
    const computed = new Map<string, number>();
    cluster = await startTrainingCluster({
      ...{ site, dataset, servers: 2, workers: 3, computeKind: "thread", wire: "grpc" },
      wrapCompute: (compute, name) => slow(compute, name, computed),
    });
    const run = await cluster.submit(job);
    const status = await cluster.ended(run);
    expect(status).toMatchObject({ phase: "completed", error: null, samples: epochs * samples });
    expect(status.workers[0]).toMatchObject({ name: "worker-1", straggler: true });
    if (job.stragglers.adaptiveBatch || job.stragglers.handOff) {
      // Dealt evenly it would compute a third.
      expect((computed.get("worker-1") ?? 0) / (epochs * samples)).toBeLessThan(0.28);
    }
    if (!job.stragglers.handOff) return;
    const plain = trainPlainly(job, 12, dataset, site.kernels, site.memory);
    expect(cluster.model(run).parameters).toEqual(plain.parameters); // no tolerance: slots decide, not workers
  });
});
