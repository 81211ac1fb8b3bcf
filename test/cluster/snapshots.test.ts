/** Runs that are written down, killed as a whole, and gone on with. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { createFolderStore } from "../../packages/shoal/src/snapshots/folder-store.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 650, testSamples: 200, seed: 2 });

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
    batchSize: 16,
    epochs: 10,
    seed: 11,
    ...change,
  });
}

const folders: string[] = [];
const clusters: TrainingCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster[Symbol.asyncDispose]();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "shoal-snapshots-"));
  folders.push(folder);
  return folder;
}

async function start(folder: string, workers: number, servers: number): Promise<TrainingCluster> {
  const snapshots = createFolderStore(folder);
  const cluster = await startTrainingCluster({
    ...{ site, dataset, servers, workers, snapshots, computeKind: "inline" },
    wrapCompute: (compute) => ({
      ...compute,
      // So long that something can happen meanwhile.
      gradient: async (task, overlap) => {
        await new Promise((resolve) => void setTimeout(resolve, 6));
        return compute.gradient(task, overlap);
      },
    }),
  });
  clusters.push(cluster);
  return cluster;
}

/** Every process at once, without a goodbye. */
async function killAll(cluster: TrainingCluster): Promise<void> {
  await cluster.killCoordinator();
  await Promise.all(cluster.workers.map((worker) => worker.kill()));
  for (const { host } of cluster.servers) await host.close();
  clusters.splice(clusters.indexOf(cluster), 1);
}

/** Waits for a whole snapshot. @returns its step */
async function newestStep(cluster: TrainingCluster, run: string, after = -1, limitMs = 10_000): Promise<number> {
  for (const endAt = Date.now() + limitMs; Date.now() < endAt;) {
    const { snapshots, phase } = await cluster.status(run);
    expect(snapshots?.failure ?? null).toBeNull();
    if ((snapshots?.newest?.step ?? -1) > after) return snapshots?.newest?.step ?? 0;
    expect(phase).not.toBe("completed");
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
  return expect.fail(`run ${run} had no snapshot within ${limitMs} ms`);
}

/** Trains until the run has a whole snapshot, then kills everything. @returns the run's name and the snapshot's step */
async function interrupt(cluster: TrainingCluster, job: JobSpec): Promise<{ run: string; step: number }> {
  const run = await cluster.submit(job);
  const step = await newestStep(cluster, run);
  await killAll(cluster);
  return { run, step };
}

describe("a synchronous run that is killed as a whole", () => {
  it.each([
    [2, 2, 2, 2],
    [2, 2, 3, 1],
    [3, 1, 1, 3],
  ])(
    "goes on from its snapshot on other members (%i workers, %i servers; then %i, %i), bit for bit",
    async (workers, servers, workersThen, serversThen) => {
      const folder = newFolder();
      const job = jobOf({ workers, durability: { snapshots: { everySteps: 7, everySeconds: null, keep: 3 } } });
      const { run, step } = await interrupt(await start(folder, workers, servers), job);
      expect(step).toBeGreaterThan(0);
      expect(step % 7).toBe(0);

      const second = await start(folder, workersThen, serversThen);
      expect(await second.resume(run)).toBe(run);
      const status = await second.ended(run);
      expect(status).toMatchObject({ phase: "completed", error: null, stalenessMax: 0 });
      expect(status.batchesDone).toBe(status.totalBatches);
      const expected = trainPlainly(job, workers, dataset, site.kernels, site.memory);
      expect(second.model(run).parameters).toEqual(expected.parameters); // no tolerance: the same bits
    },
  );
});
