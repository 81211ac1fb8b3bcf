/** Synchronous runs whose slots keep something from step to step, killed as a whole and gone on with by others. */
import { createInProcessBus, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import { generateDigits } from "@shoal/models";
import { slotObjectName, type JobInput, type JobSpec, type RunStatus, type SnapshotStore } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createMemorySnapshots } from "../support/memory-snapshots.ts";
import { slotDigits, slotJob } from "../support/small-digits.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits(slotDigits);

const jobOf = (change: Partial<JobInput>): JobSpec =>
  slotJob({
    epochs: 5,
    slots: 2,
    durability: { snapshots: { everySteps: 5, everySeconds: null, keep: 2 } },
    ...change,
  });

const computeMs = 50;

interface Stage {
  readonly clock: Clock;
  start(workers: number, servers: number): Promise<TrainingCluster>;
}

/** Plays in virtual time. */
function onStage<R>(store: SnapshotStore, play: (stage: Stage) => Promise<R>): Promise<R> {
  const clock = createSimulatedClock();
  const start = (workers: number, servers: number): Promise<TrainingCluster> =>
    startTrainingCluster({
      ...{ site, dataset, servers, workers, snapshots: store, computeKind: "inline", clock, bus: createInProcessBus() },
      wrapCompute: (compute) => ({
        ...compute,
        async gradient(task) {
          const done = await compute.gradient(task);
          await new Promise<void>((resolve) => void clock.after(computeMs, resolve));
          return { ...done, endedAtMs: done.startedAtMs + computeMs };
        },
      }),
    });
  return simulate(clock, play({ clock, start }), { maximumSteps: 3_000_000 });
}

/** Trains until the run has a whole snapshot, then kills everything without a goodbye. */
function interrupt(store: SnapshotStore, job: JobSpec): Promise<{ run: string; snapshot: string }> {
  return onStage(store, async ({ clock, start }) => {
    const cluster = await start(2, 2);
    const run = await cluster.submit(job);
    for (;;) {
      const { snapshots, phase } = await cluster.status(run);
      expect(snapshots?.failure ?? null).toBeNull();
      expect(["queued", "starting", "training"]).toContain(phase);
      const newest = snapshots?.newest ?? null;
      if (newest !== null) {
        expect(newest.step).toBeGreaterThan(0);
        await cluster.killCoordinator();
        await Promise.all(cluster.workers.map((worker) => worker.kill()));
        for (const { host } of cluster.servers) await host.close();
        return { run, snapshot: newest.snapshot };
      }
      await new Promise<void>((resolve) => void clock.after(20, resolve));
    }
  });
}

interface Outcome {
  readonly status: RunStatus;
  readonly parameters: Float32Array | undefined;
}

async function ended(cluster: TrainingCluster, run: string): Promise<Outcome> {
  const status = await cluster.ended(run, 600_000);
  const parameters = status.phase === "completed" ? cluster.model(run).parameters : undefined;
  await cluster[Symbol.asyncDispose]();
  return { status, parameters };
}

/** What becomes of a run that nothing happens to. */
async function undisturbed(job: JobSpec, workers: number): Promise<Outcome["parameters"]> {
  const { status, parameters } = await onStage(createMemorySnapshots(), async ({ start }) => {
    const cluster = await start(workers, 2);
    return ended(cluster, await cluster.submit({ ...job, workers }));
  });
  expect(status).toMatchObject({ phase: "completed", error: null });
  return parameters;
}

function resume(store: SnapshotStore, run: string, workers: number, servers: number): Promise<Outcome> {
  return onStage(store, async ({ start }) => {
    const cluster = await start(workers, servers);
    await cluster.resume(run);
    return ended(cluster, run);
  });
}

const diloco = { name: "diloco", steps: 3 } as const;
const kinds: readonly (readonly [string, Partial<JobInput>])[] = [
  ["int8 with error feedback", { encoding: { push: { name: "int8" } } }],
  ["top-k", { encoding: { push: { name: "top_k", share: 0.05 } } }],
  ["random-k", { encoding: { push: { name: "random_k", share: 0.1 } } }],
  ["PowerSGD, whose factors are warm", { encoding: { push: { name: "power_sgd", rank: 2 } } }],
  [
    "DiLoCo with an inner Adam",
    { epochs: 10, communication: diloco, optimizer: { name: "adam", learningRate: 0.002 } },
  ],
  ["streaming DiLoCo", { epochs: 10, communication: { ...diloco, steps: 6, fragments: 3, delay: 1, mixing: 0.5 } }],
  ["elastic averaging", { epochs: 8, communication: { name: "easgd", steps: 2 } }],
  [
    "local steps whose differences are encoded",
    { epochs: 8, communication: { name: "local_sgd", steps: 2 }, encoding: { push: { name: "int8" } } },
  ],
];

describe("a synchronous run with what slots keep from step to step", () => {
  it.each(kinds)("has the same bits, killed and resumed by another number of workers: %s", async (_, change) => {
    const job = jobOf({ ...change, workers: 2 });
    const expected = await undisturbed(job, 2);
    for (const [workers, servers] of [
      [1, 1],
      [3, 2],
    ] as const) {
      const store = createMemorySnapshots();
      const { run } = await interrupt(store, job);
      const { status, parameters } = await resume(store, run, workers, servers);
      expect(status).toMatchObject({ phase: "completed", error: null });
      expect(parameters).toEqual(expected); // no tolerance: the same bits
    }
  });

  it.each(kinds)("has the same bits whatever the number of workers: %s", async (_, change) => {
    const job = jobOf({ ...change, epochs: 2 });
    expect(await undisturbed(job, 1)).toEqual(await undisturbed(job, 2)); // no tolerance: the same bits
  });

  it("is refused by name when the state of a slot is missing or damaged", async () => {
    const store = createMemorySnapshots();
    const { run, snapshot } = await interrupt(store, jobOf({ workers: 2, encoding: { push: { name: "int8" } } }));
    const name = slotObjectName(run, snapshot, 1);
    const bytes = store.objects.get(name) ?? expect.fail(`there is no ${name}`);
    store.objects.delete(name);
    await expect(resume(store, run, 2, 1)).rejects.toThrow(/slot-1 is missing/);
    bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
    store.objects.set(name, bytes);
    const { status } = await resume(store, run, 2, 1);
    expect(status.error).toMatchObject({
      code: "snapshot_corrupt",
      message: expect.stringContaining("The saved state of slot-1 is refused: its checksum is wrong") as string,
    });
  });
});
