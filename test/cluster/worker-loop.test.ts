/** Training through servers and workers, against one plain loop. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec, LinkFactory } from "@shoal/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";
import { loseCalls } from "../support/watched-links.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 650, testSamples: 200, seed: 2 });

/** 650 samples in batches of 32: the last step of an epoch is partial for every number of slots. */
function jobOf(change: Partial<JobInput> = {}): JobSpec {
  return checkJob({
    name: "digits",
    model: {
      inputs: 784,
      layers: [
        { type: "dense", outputs: 24, activation: "relu" },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "digits", samples: 650, testSamples: 200, seed: 2 },
    optimizer: { name: "adam", learningRate: 0.003 },
    schedule: { name: "cosine", totalSteps: 60 },
    batchSize: 32,
    epochs: 3,
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

describe.each([
  ["inline", "in-process"],
  ["thread", "in-process"],
  ["thread", "grpc"],
] as const)("synchronous training with %s compute over %s links", (computeKind, wire) => {
  it.each([1, 2, 4])("through 2 servers and %i workers equals one plain loop, bit for bit", async (workers) => {
    const before = site.memory.allocatedBytes;
    const job = jobOf({ workers });
    cluster = await startTrainingCluster({ site, dataset, servers: 2, workers, computeKind, wire });
    const run = await cluster.submit(job);
    const status = await cluster.ended(run);
    expect(status).toMatchObject({ phase: "completed", error: null, stalenessMax: 0 });
    expect(status.batchesDone).toBe(status.totalBatches);
    expect(status.evaluations.map(({ step }) => step)).toEqual([1, 2].map((epoch) => (epoch * status.totalSteps) / 3));
    const expected = trainPlainly(job, workers, dataset, site.kernels, site.memory);
    expect(cluster.model(run).parameters).toEqual(expected.parameters); // no tolerance
    await cluster[Symbol.asyncDispose]();
    cluster = undefined;
    await eventually("all kernel memory is free again", () => site.memory.allocatedBytes === before);
  });
});

describe("a synchronous run", () => {
  it("gives the same bits with more slots than workers, so several slots are in one pair of hands", async () => {
    const job = jobOf({ slots: 5, workers: 2 });
    cluster = await startTrainingCluster({ site, dataset, servers: 2, workers: 2, computeKind: "thread" });
    const run = await cluster.submit(job);
    expect(await cluster.ended(run)).toMatchObject({ phase: "completed", error: null });
    expect(cluster.model(run).parameters).toEqual(trainPlainly(job, 5, dataset, site.kernels, site.memory).parameters);
  });

  it.each(["in-process", "grpc"] as const)(
    "gives the same bits when workers die and another joins (%s)",
    async (wire) => {
      const job = jobOf({ slots: 4, workers: 4, epochs: 150, schedule: { name: "constant" } });
      const settings = { leaseMs: 1000, heartbeatMs: 100, tickMs: 20 };
      const scene = { site, dataset, servers: 2, workers: 4, computeKind: "thread", settings, wire } as const;
      cluster = await startTrainingCluster(scene);
      const { workers } = cluster;
      const run = await cluster.submit(job);
      await reachesStep(cluster, run, 100);
      await workers[1]?.kill();
      await reachesStep(cluster, run, 300);
      cluster.addWorker("worker-5");
      await workers[0]?.kill();
      await workers[2]?.kill();
      const status = await cluster.ended(run);
      expect(status).toMatchObject({ phase: "completed", error: null, batchesDone: status.totalBatches });
      const late = status.workers.find(({ name }) => name === "worker-5");
      expect(late?.batches).toBeGreaterThan(0);
      expect(cluster.model(run).parameters).toEqual(
        trainPlainly(job, 4, dataset, site.kernels, site.memory).parameters,
      );
    },
  );

  it("gives the same bits over links that lose requests and replies", async () => {
    const job = jobOf({ workers: 2 });
    const retry = { attemptMs: 150 };
    const losses = { requests: 0, replies: 0 };
    const wrapLinks = (links: LinkFactory): LinkFactory => loseCalls(links, 0.1, losses);
    const lost = { site, dataset, servers: 2, workers: 2, computeKind: "inline", retry, wrapLinks } as const;
    cluster = await startTrainingCluster(lost);
    const run = await cluster.submit(job);
    expect(await cluster.ended(run)).toMatchObject({ phase: "completed", error: null });
    expect(losses.requests).toBeGreaterThan(2);
    expect(losses.replies).toBeGreaterThan(2);
    expect(cluster.model(run).parameters).toEqual(trainPlainly(job, 2, dataset, site.kernels, site.memory).parameters);
  });

  it("stops at the accuracy that the job asks for and writes the values that were measured", async () => {
    const job = jobOf({ workers: 2, epochs: 400, evaluation: { everySteps: 5 }, stop: { accuracy: 0.6 } });
    cluster = await startTrainingCluster({ site, dataset, servers: 2, workers: 2, computeKind: "thread" });
    const run = await cluster.submit(job);
    const status = await cluster.ended(run);
    expect(status).toMatchObject({ phase: "completed", error: null });
    expect(status.batchesDone).toBeLessThan(status.totalBatches);
    const last = status.evaluations.at(-1);
    expect(last?.accuracy).toBeGreaterThanOrEqual(0.6);
    expect(status.result).toMatchObject({ accuracy: last?.accuracy, loss: last?.loss });
  });
});

describe.each([
  { mode: "bounded", staleness: 1 },
  { mode: "bounded", staleness: 0 },
  { mode: "asynchronous" },
] as const)("a run in mode %o", (consistency) => {
  it("learns, and counts every batch once, also when a worker dies and another joins", async () => {
    const job = jobOf({ workers: 3, epochs: 75, schedule: { name: "constant" }, consistency });
    const settings = { leaseMs: 1000, heartbeatMs: 100, tickMs: 20, leaseWorkMs: 20 };
    cluster = await startTrainingCluster({ site, dataset, servers: 2, workers: 3, computeKind: "thread", settings });
    const run = await cluster.submit(job);
    await reachesStep(cluster, run, 100);
    await cluster.workers[0]?.kill();
    cluster.addWorker("worker-4");
    await reachesStep(cluster, run, 500);
    const summaries = (await Promise.all(cluster.servers.map(({ host }) => host.describe(run)))).flat();
    expect(summaries.length).toBe(4);
    const status = await cluster.ended(run);
    expect(status).toMatchObject({ phase: "completed", error: null, batchesDone: status.totalBatches });
    expect(status.samples).toBe(75 * 650);
    // One that is due while another is under way, or while its worker is being found dead, is left out.
    const steps = status.evaluations.map(({ step }) => step);
    expect(steps.length).toBeGreaterThan(2);
    expect(steps.at(-1)).toBeGreaterThan(500);
    expect(status.result?.accuracy).toBeGreaterThan(0.6);
  });
});

describe("a run that goes wrong", () => {
  it("fails with the worker's own error when training diverges", async () => {
    const job = jobOf({ workers: 2, optimizer: { name: "sgd", learningRate: 1e30 } });
    cluster = await startTrainingCluster({ site, dataset, servers: 2, workers: 2, computeKind: "thread" });
    const run = await cluster.submit(job);
    const status = await cluster.ended(run);
    expect(status.phase).toBe("failed");
    expect(status.error?.code).toBe("not_finite");
    expect(status.error?.message).toMatch(/worker-[12]/);
  });

  it("leaves the worker free for the next one", async () => {
    const before = site.memory.allocatedBytes;
    cluster = await startTrainingCluster({ site, dataset, servers: 1, workers: 1, computeKind: "thread" });
    const bad = await cluster.submit(jobOf({ optimizer: { name: "sgd", learningRate: 1e30 } }));
    const good = await cluster.submit(jobOf());
    expect((await cluster.ended(bad)).phase).toBe("failed");
    expect((await cluster.ended(good)).phase).toBe("completed");
    await eventually("all kernel memory is free again", () => site.memory.allocatedBytes === before);
  });
});

async function reachesStep(running: TrainingCluster, run: string, step: number): Promise<void> {
  for (const endAt = Date.now() + 30_000; ;) {
    const status = await running.status(run);
    if (status.step >= step) return;
    if (Date.now() > endAt || status.error !== null) {
      const waits = running.workers.map(({ name, handle }) => ({ name, waits: handle.waits() }));
      throw new Error(`step ${status.step}: ${status.reason}; ${JSON.stringify(waits)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
