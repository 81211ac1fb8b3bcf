/** A cluster that is killed while a snapshot is being published, between any two things that it does to the place. */
import { createHash } from "node:crypto";
import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  simulate,
  type Ref,
} from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import { parsePointer, pointerName, sourceOf, type SnapshotManifest, type SnapshotStore } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import {
  createSnapshotKeeper,
  type KeeperCommand,
  type KeeperReport,
} from "../../packages/coordinator/src/snapshots/snapshot-keeper.ts";
import { createMemorySnapshots, type MemorySnapshots } from "../support/memory-snapshots.ts";
import { perceptron } from "../support/perceptron.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const data = { samples: 320, testSamples: 40, seed: 2 };
const dataset = generateDigits(data);
const job = checkJob({
  name: "digits",
  model: perceptron([12]),
  data: { type: "digits", ...data },
  optimizer: { name: "adam", learningRate: 0.002 },
  batchSize: 8,
  epochs: 8,
  seed: 5,
  slots: 2,
  shards: 2,
  workers: 2,
  encoding: { push: { name: "int8" } },
  durability: { snapshots: { everySteps: 10, everySeconds: null, keep: 1 } },
});

/** What was done to a place, to be done again up to any point. */
type Deed = (store: SnapshotStore) => Promise<void>;

/** Writes down all that changes it. */
function recording(store: SnapshotStore, deeds: Deed[]): SnapshotStore {
  return {
    ...store,
    async write(name, source) {
      await store.write(name, source);
      const bytes = (await store.read(name)) ?? new Uint8Array(0);
      deeds.push((other) => other.write(name, sourceOf(bytes)));
    },
    async remove(name) {
      await store.remove(name);
      deeds.push((other) => other.remove(name));
    },
    async writePointer(name, text, expected) {
      await store.writePointer(name, text, expected);
      deeds.push((other) => other.writePointer(name, text, expected));
    },
  };
}

function onStage<R>(
  store: SnapshotStore,
  play: (
    start: (workers: number, servers: number) => Promise<TrainingCluster>,
    wait: () => Promise<void>,
  ) => Promise<R>,
): Promise<R> {
  const clock = createSimulatedClock();
  const after = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const start = (workers: number, servers: number): Promise<TrainingCluster> =>
    startTrainingCluster({
      ...{ site, dataset, servers, workers, snapshots: store, computeKind: "inline", clock, bus: createInProcessBus() },
      wrapCompute: (compute) => ({
        ...compute,
        gradient: async (task) => after(50).then(() => compute.gradient(task)),
      }),
    });
  return simulate(
    clock,
    play(start, () => after(20)),
    { maximumSteps: 3_000_000 },
  );
}

/** Trains until so many snapshots are whole, then kills everything. @returns what was done to the place */
async function record(snapshots: number): Promise<{ readonly run: string; readonly deeds: readonly Deed[] }> {
  const deeds: Deed[] = [];
  const run = await onStage(recording(createMemorySnapshots(), deeds), async (start, wait) => {
    const cluster = await start(2, 2);
    const name = await cluster.submit(job);
    for (const seen = new Set<string>(); seen.size < snapshots;) {
      await wait();
      const { snapshots: now, phase } = await cluster.status(name);
      expect(["queued", "starting", "training"]).toContain(phase);
      if (typeof now?.newest?.snapshot === "string") seen.add(now.newest.snapshot);
    }
    await cluster.killCoordinator();
    await Promise.all(cluster.workers.map((worker) => worker.kill()));
    for (const { host } of cluster.servers) await host.close();
    return name;
  });
  return { run, deeds };
}

async function after(deeds: readonly Deed[]): Promise<MemorySnapshots> {
  const store = createMemorySnapshots();
  for (const deed of deeds) await deed(store);
  return store;
}

/** What a coordinator finds there that is asked to go on. */
async function lookUp(store: SnapshotStore, run: string): Promise<SnapshotManifest | undefined> {
  const clock = createSimulatedClock();
  const system = createActorSystem({ node: "test", bus: createInProcessBus(), clock, random: createRandom(1) });
  const { promise, resolve } = Promise.withResolvers<KeeperReport>();
  const reports: Ref<KeeperReport> = { address: "test/reports", tell: resolve };
  const keeper = system.spawn<KeeperCommand>("keeper", createSnapshotKeeper({ store, reports }));
  keeper.tell({ type: "look_up", run, snapshot: null, request: { kind: "run" } });
  const report = await simulate(clock, promise);
  await system.stop();
  if (report.type === "snapshot_not_found") expect(report.error.code).toBe("run_not_found");
  return report.type === "snapshot_found" ? report.manifest : undefined;
}

describe("publishing that stops between any two deeds", () => {
  it("leaves the snapshot before it or the new one, each whole, and never an older one than was there", async () => {
    const { run, deeds } = await record(3);
    const steps: number[] = [];
    for (let done = 0; done <= deeds.length; done += 1) {
      const store = await after(deeds.slice(0, done));
      const manifest = await lookUp(store, run);
      for (const { name, sha256 } of [...(manifest?.shards ?? []), ...(manifest?.slotStates ?? [])]) {
        const bytes = store.objects.get(name) ?? expect.fail(`after ${done} deeds ${name} is missing`);
        expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
      }
      const pointer = await store.readPointer(pointerName(run));
      const named = pointer === undefined ? undefined : parsePointer(run, pointer.text).step;
      // Whoever follows the pointer finds something, if not the newest.
      expect(named ?? -1).toBeLessThanOrEqual(manifest?.step ?? -1);
      steps.push(manifest?.step ?? -1);
    }
    expect(steps[0]).toBe(-1);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(new Set(steps).size).toBe(4);

    const expected = await onStage(createMemorySnapshots(), async (start) => {
      const cluster = await start(2, 2);
      const whole = await cluster.submit({ ...job, durability: { ...job.durability, snapshots: null } });
      await cluster.ended(whole, 600_000);
      return cluster.model(whole).parameters;
    });
    // Just found, and with the one before it half removed.
    const found = steps.indexOf(steps.at(-1) ?? 0);
    for (const done of [found - 1, found, Math.min(found + 3, deeds.length)]) {
      const parameters = await onStage(await after(deeds.slice(0, done)), async (start) => {
        const cluster = await start(1, 3);
        await cluster.resume(run);
        expect(await cluster.ended(run, 600_000)).toMatchObject({ phase: "completed", error: null });
        return cluster.model(run).parameters;
      });
      expect(parameters).toEqual(expected); // no tolerance: the same bits
    }
  });
});
