/** Runs that are written down, killed as a whole, and gone on with. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkJob, type CoordinatorSettings } from "@shoal/coordinator";
import { ShoalError } from "@shoal/errors";
import { generateDigits } from "@shoal/models";
import { shardObjectName, snapshotPrefix, type JobInput, type JobSpec, type SnapshotStore } from "@shoal/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { createFolderStore } from "../../packages/shoal/src/snapshots/folder-store.ts";
import { decideRetention } from "../../packages/coordinator/src/snapshots/retention.ts";
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
    epochs: 20,
    seed: 11,
    ...change,
  });
}

const pace = { isSlow: true };
const slowMs = 15;
const folders: string[] = [];
const clusters: TrainingCluster[] = [];
afterEach(async () => {
  pace.isSlow = true;
  for (const cluster of clusters.splice(0)) await cluster[Symbol.asyncDispose]();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "shoal-snapshots-"));
  folders.push(folder);
  return folder;
}

async function start(
  snapshots: SnapshotStore,
  workers: number,
  servers: number,
  settings: Partial<CoordinatorSettings> = {},
  onModel: (run: string) => Promise<void> = () => Promise.resolve(),
): Promise<TrainingCluster> {
  const cluster = await startTrainingCluster({
    ...{ site, dataset, servers, workers, snapshots, settings, onModel, computeKind: "inline" },
    wrapCompute: (compute) => ({
      ...compute,
      // So long that much can happen meanwhile; whoever goes on need not wait. It is told as computing: versions are named so
      // many steps ahead as the speed demands.
      gradient: async (task, overlap) => {
        const done = await compute.gradient(task, overlap);
        if (!pace.isSlow) return done;
        await new Promise((resolve) => void setTimeout(resolve, slowMs));
        return { ...done, endedAtMs: done.endedAtMs + slowMs };
      },
    }),
  });
  clusters.push(cluster);
  return cluster;
}

/** Every process at once, without a goodbye. */
async function killAll(cluster: TrainingCluster): Promise<void> {
  pace.isSlow = false;
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
    "O13: goes on from its snapshot on other members (%i workers, %i servers; then %i, %i), bit for bit",
    async (workers, servers, workersThen, serversThen) => {
      const store = createFolderStore(newFolder());
      const job = jobOf({ workers, durability: { snapshots: { everySteps: 7, everySeconds: null, keep: 3 } } });
      const { run, step } = await interrupt(await start(store, workers, servers), job);
      expect(step).toBeGreaterThan(0);
      expect(step % 7).toBe(0);

      const second = await start(store, workersThen, serversThen);
      expect(await second.resume(run)).toBe(run);
      const status = await second.ended(run);
      expect(status).toMatchObject({ phase: "completed", error: null, stalenessMax: 0 });
      expect(status.batchesDone).toBe(status.totalBatches);
      const expected = trainPlainly(job, workers, dataset, site.kernels, site.memory);
      expect(second.model(run).parameters).toEqual(expected.parameters); // no tolerance: the same bits
    },
  );
});

const everyFew = (replicas = 0) => ({ replicas, snapshots: { everySteps: 10, everySeconds: null, keep: 3 } });

/** A store whose n-th writes fail as a full disk does. */
function fillingUp(store: SnapshotStore, isFull: (write: number) => boolean): SnapshotStore {
  let writes = 0;
  return {
    ...store,
    write(name, source) {
      writes += 1;
      if (!isFull(writes)) return store.write(name, source);
      return Promise.reject(new ShoalError("store_unavailable", `cannot write ${name}: no space left on device`));
    },
  };
}

describe.each([{ mode: "asynchronous" }, { mode: "bounded", staleness: 2 }] as const)(
  "a run in mode $mode that is killed as a whole",
  (consistency) => {
    it("goes on with every batch counted once on every shard", async () => {
      const store = createFolderStore(newFolder());
      const job = jobOf({ workers: 3, consistency, schedule: { name: "constant" }, durability: everyFew() });
      const { run } = await interrupt(await start(store, 3, 2), job);

      const shards: { readonly version: number; readonly batchesApplied: number }[] = [];
      const second = await start(store, 2, 3, {}, async () => {
        for (const { host } of second.servers) shards.push(...(await host.describe(run).catch(() => [])));
      });
      await second.resume(run);
      const status = await second.ended(run);
      expect(status).toMatchObject({ phase: "completed", error: null });
      // Each batch is known to each shard, and each made one version: none was applied twice.
      const total = status.totalBatches;
      expect(shards.map(({ version, batchesApplied }) => [version, batchesApplied])).toEqual(
        Array.from({ length: 4 }, () => [total, total]),
      );
    });
  },
);

describe("snapshots", () => {
  it("let a run that has lost its only copies begin again by itself, to the same bits", async () => {
    const store = createFolderStore(newFolder());
    const job = jobOf({ workers: 2, durability: everyFew() });
    const cluster = await start(store, 2, 3, { leaseMs: 400, heartbeatMs: 100 });
    const run = await cluster.submit(job);
    await newestStep(cluster, run);
    pace.isSlow = false;
    await cluster.killServer("server-2");
    const status = await cluster.ended(run);
    expect(status).toMatchObject({ phase: "completed", error: null });
    const expected = trainPlainly(job, 2, dataset, site.kernels, site.memory);
    expect(cluster.model(run).parameters).toEqual(expected.parameters); // no tolerance: the same bits
  });

  it("give a run with copies its copies back, which take over when a server dies", async () => {
    const store = createFolderStore(newFolder());
    const job = jobOf({ workers: 2, durability: everyFew(1) });
    const { run } = await interrupt(await start(store, 2, 2), job);
    pace.isSlow = true;
    const second = await start(store, 2, 3);
    await second.resume(run);
    for (;;) {
      const shards = (await Promise.all(second.servers.map(({ host }) => host.describe(run).catch(() => [])))).flat();
      if (shards.filter(({ seat }) => seat?.role === "replica").length === 4) break;
      await new Promise((resolve) => void setTimeout(resolve, 20));
    }
    await second.killServer("server-1");
    pace.isSlow = false;
    const status = await second.ended(run);
    expect(status).toMatchObject({ phase: "completed", error: null });
    const expected = trainPlainly(job, 2, dataset, site.kernels, site.memory);
    expect(second.model(run).parameters).toEqual(expected.parameters); // no tolerance: the same bits
  });

  it("go on under the next coordinator", async () => {
    const store = createFolderStore(newFolder());
    const cluster = await start(store, 2, 2);
    const run = await cluster.submit(jobOf({ workers: 2, epochs: 60, durability: everyFew() }));
    const step = await newestStep(cluster, run);
    await cluster.killCoordinator();
    cluster.startCoordinator();
    expect(await newestStep(cluster, run, step)).toBeGreaterThan(step);
    pace.isSlow = false;
    expect(await cluster.ended(run)).toMatchObject({ phase: "completed", error: null });
  });

  it("that cannot be written leave the training alone, are named, and are tried again", async () => {
    const folder = createFolderStore(newFolder());
    const store = fillingUp(folder, (write) => write <= 2);
    const cluster = await start(store, 2, 2);
    const run = await cluster.submit(jobOf({ workers: 2, durability: everyFew() }));
    const failures = new Set<string>();
    for (;;) {
      const { snapshots, phase } = await cluster.status(run);
      expect(phase).not.toBe("completed");
      if (typeof snapshots?.failure === "string") failures.add(snapshots.failure);
      if (typeof snapshots?.newest?.step === "number") break;
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
    pace.isSlow = false;
    expect([...failures].join()).toMatch(/server-\d: cannot write .*shard-\d: no space left on device/);
    const status = await cluster.ended(run);
    expect(status).toMatchObject({ phase: "completed", error: null });
    const { whole } = decideRetention(run, await folder.list(""), 3);
    expect(whole.length).toBeGreaterThan(0);
  });

  it("are taken when somebody asks, and kept as many as the job says", async () => {
    const store = createFolderStore(newFolder());
    const cluster = await start(store, 2, 2);
    const run = await cluster.submit(jobOf({ workers: 2, epochs: 60 }));
    await training(cluster, run);
    await cluster.snapshot(run);
    const first = await newestStep(cluster, run);
    await cluster.snapshot(run);
    const second = await newestStep(cluster, run, first);
    expect(second).toBeGreaterThan(first);
    pace.isSlow = false;
    expect(decideRetention(run, await store.list(""), 3).whole.length).toBe(2);
  });

  it("that are damaged or short are refused by the object's name, and the one before is offered and works", async () => {
    const folder = newFolder();
    const store = createFolderStore(folder);
    const job = jobOf({ workers: 2, durability: everyFew() });
    const first = await start(store, 2, 2);
    const run = await first.submit(job);
    await newestStep(first, run, await newestStep(first, run));
    await killAll(first);
    const { whole } = decideRetention(run, await store.list(""), 9);
    const [before = "", newest = ""] = whole.slice(-2);

    const object = join(folder, shardObjectName(run, newest, 1));
    const bytes = readFileSync(object);
    writeFileSync(object, bytes.subarray(1));
    const second = await start(store, 1, 1);
    const offer = new RegExp(`shard-1 has ${bytes.length - 1} bytes, not ${bytes.length}; the one before is ${before}`);
    await expect(second.resume(run)).rejects.toThrow(offer);

    bytes[200] = (bytes[200] ?? 0) ^ 1;
    writeFileSync(object, bytes);
    await second.resume(run);
    const failed = await second.ended(run);
    expect(failed.error?.code).toBe("snapshot_corrupt");
    expect(failed.error?.message).toContain(`${newest}/shard-1 has another checksum`);

    await second.resume(run, before);
    expect(await second.ended(run)).toMatchObject({ phase: "completed", error: null });
    const expected = trainPlainly(job, 2, dataset, site.kernels, site.memory);
    expect(second.model(run).parameters).toEqual(expected.parameters); // no tolerance: the same bits
  });

  it("that another attempt of the run has overtaken leave nothing behind", async () => {
    const store = createFolderStore(newFolder());
    const job = jobOf({ workers: 1, epochs: 400, durability: everyFew() });
    const first = await start(store, 1, 1);
    const run = await first.submit(job);
    await newestStep(first, run);
    const second = await start(store, 1, 1);
    await second.resume(run);
    await newestStep(second, run);
    for (;;) {
      const { snapshots } = await first.status(run);
      const [, refused] = /names 001-\S+ already, which is newer than (000-\S+)$/.exec(snapshots?.failure ?? "") ?? [];
      if (refused !== undefined) {
        expect(await store.list(snapshotPrefix(run, refused))).toEqual([]);
        break;
      }
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
  });

  it("are not looked for where there are none, nor gone on from while the run is under way", async () => {
    const store = createFolderStore(newFolder());
    const cluster = await start(store, 1, 1);
    await expect(cluster.resume("nothing-1")).rejects.toMatchObject({ code: "run_not_found" });
    const run = await cluster.submit(jobOf({ workers: 1, durability: everyFew() }));
    await newestStep(cluster, run);
    await expect(cluster.resume(run)).rejects.toThrow(/is training: there is nothing to resume/);
    pace.isSlow = false;
  });
});

async function training(cluster: TrainingCluster, run: string): Promise<void> {
  for (;;) {
    if ((await cluster.status(run)).batchesDone > 0) return;
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
}
