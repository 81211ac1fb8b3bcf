/** Synchronous runs whose slots keep something from step to step, while workers come, go in order and are slow: every bit. */
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec, SnapshotStore } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createMemorySnapshots } from "../support/memory-snapshots.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { slotDigits, slotJob } from "../support/small-digits.ts";
import { trainInVirtualTime } from "../support/timed-training.ts";
import { createTrainingSite, type TrainingCluster } from "../support/training-cluster.ts";
import {
  trainVirtually,
  type Disturb,
  type VirtuallyTrained,
  type VirtualTraining,
} from "../support/virtual-training.ts";

const site = await createTrainingSite();
const dataset = generateDigits(slotDigits);

const jobOf = (change: Partial<JobInput>): JobSpec => slotJob({ epochs: 12, workers: 1, slots: 4, ...change });

async function leave(cluster: TrainingCluster, name: string): Promise<void> {
  const worker = cluster.workers.findLast((each) => each.name === name);
  await worker?.handle.drain();
  await worker?.handle.close();
}

/** 1 → 3 → 2 → 1 worker; the one that is left was not there at the beginning. */
const comeAndGo: Disturb = async (cluster, after) => {
  cluster.addWorker("worker-2");
  await after(200);
  cluster.addWorker("worker-3");
  await after(500);
  await leave(cluster, "worker-1");
  await after(400);
  await leave(cluster, "worker-3");
};

function train(
  job: JobSpec,
  disturb: Disturb,
  snapshots: SnapshotStore = createMemorySnapshots(),
): Promise<VirtuallyTrained> {
  return trainVirtually({ site, dataset, job, workers: 1, servers: 2, sampleMs: 1, snapshots, disturb });
}

const int8 = { encoding: { push: { name: "int8" } } } as const;
const lossy = jobOf(int8);
const undisturbed: Disturb = () => Promise.resolve();
const diloco = { name: "diloco", steps: 3 } as const;
const kinds: readonly (readonly [string, Partial<JobInput>])[] = [
  ["int8 with error feedback", int8],
  ["PowerSGD, whose factors are warm", { encoding: { push: { name: "power_sgd", rank: 2 } } }],
  [
    "DiLoCo with an inner momentum",
    { epochs: 30, communication: diloco, optimizer: { name: "sgd", learningRate: 0.005, momentum: 0.9 } },
  ],
  [
    "DiLoCo with an inner Adam",
    { epochs: 30, communication: diloco, optimizer: { name: "adam", learningRate: 0.002 } },
  ],
  ["elastic averaging", { epochs: 24, communication: { name: "easgd", steps: 2 } }],
];

/** Workers that computed something. */
function busy({ status }: VirtuallyTrained): readonly string[] {
  const names = status.workers.filter(({ batches }) => batches > 0).map(({ name }) => name);
  return names.toSorted();
}

/** All that the status has said. */
function saidOf({ seen }: VirtuallyTrained): string {
  return [...new Set(seen.map(({ reason }) => reason))].join();
}

function leftOver(store: SnapshotStore & { readonly objects: ReadonlyMap<string, unknown> }): readonly string[] {
  return [...store.objects.keys()].filter((name) => name.includes("/move-"));
}

describe("what a slot keeps from step to step", () => {
  it.each(kinds)("goes with it to whoever comes, and from whoever leaves: %s", async (_, change) => {
    const job = jobOf(change);
    const expected = await train(job, undisturbed);
    const store = createMemorySnapshots();
    const trained = await train(job, comeAndGo, store);
    expect(busy(trained)).toHaveLength(3);
    expect(trained.parameters).toEqual(expected.parameters); // no tolerance: the same bits
    expect(trained.gradients).toBe(expected.gradients); // nothing is computed twice
    expect(trained.status.reason).not.toContain("afresh");
    expect(leftOver(store)).toEqual([]);
  });

  it("waits for whoever comes when the last worker has left in order", async () => {
    const expected = await train(lossy, undisturbed);
    const trained = await train(lossy, async (cluster, after) => {
      await leave(cluster, "worker-1");
      await after(500);
      cluster.addWorker("worker-2");
    });
    expect(busy(trained)).toEqual(["worker-1", "worker-2"]);
    expect(trained.parameters).toEqual(expected.parameters); // no tolerance: the same bits
    expect(trained.status.reason).not.toContain("afresh");
  });

  it.each([0, 40, 80, 120, 160])(
    "goes with it also when the coordinator is another one %i ms after a worker came",
    async (ms) => {
      const expected = await train(lossy, undisturbed);
      const trained = await train(lossy, async (cluster, after) => {
        cluster.addWorker("worker-2");
        await after(ms);
        await cluster.killCoordinator();
        cluster.startCoordinator();
        await after(2_500);
        await leave(cluster, "worker-1");
      });
      expect(busy(trained)).toHaveLength(2);
      expect(trained.parameters).toEqual(expected.parameters); // no tolerance: the same bits
    },
  );

  it("stays with its worker where there is no place to hand it over, by name", async () => {
    const expected = await train(lossy, undisturbed);
    const scene = { site, dataset, job: lossy, workers: 1, servers: 2, sampleMs: 1 };
    const disturb: Disturb = (cluster) => Promise.resolve(void cluster.addWorker("worker-2"));
    const trained = await trainVirtually({ ...scene, disturb });
    expect(busy(trained)).toEqual(["worker-1"]);
    expect(trained.parameters).toEqual(expected.parameters); // no tolerance: the same bits
    expect(saidOf(trained)).toContain("; slots stay where they are: worker-1: worker-1 was started without a place");
    const left = await trainVirtually({
      ...scene,
      async disturb(cluster, after) {
        cluster.addWorker("worker-2");
        await after(500);
        await leave(cluster, "worker-1");
      },
    });
    expect(busy(left)).toEqual(["worker-1", "worker-2"]);
    expect(saidOf(left)).toContain("slots 0, 1, 2, 3 began afresh without worker-1");
  });

  it("is lost with a worker that dies, and the status says so", async () => {
    const trained = await train(lossy, async (cluster, after) => {
      cluster.addWorker("worker-2");
      await after(800);
      await cluster.workers[1]?.kill();
    });
    expect(trained.status.batchesDone).toBe(trained.status.totalBatches);
    expect(saidOf(trained)).toMatch(/slots \d, \d began afresh without worker-2/);
  });
});

/** The second worker takes so long for one of its contributions, and is alive: it answers the coordinator all the time. */
function silentOnce(forMs: number): NonNullable<VirtualTraining["wrapCompute"]> {
  return (compute, worker, clock) => {
    let contributions = 0;
    return {
      ...compute,
      async gradient(task, overlap) {
        const done = await compute.gradient(task, overlap);
        contributions += 1;
        if (worker !== "worker-2" || contributions !== 31) return done;
        await new Promise<void>((resolve) => void clock.after(forMs, resolve));
        return { ...done, endedAtMs: clock.now() };
      },
    };
  };
}

describe("slots of a worker that is silent in the middle of a step", () => {
  const scene = { site, dataset, workers: 2, servers: 2, sampleMs: 1, snapshots: createMemorySnapshots() };
  const trainSilently = async (change: Partial<JobInput>, forMs: number) => {
    const explained: string[] = [];
    const trained = await trainVirtually({
      ...{ ...scene, job: jobOf({ workers: 2, ...change }), wrapCompute: silentOnce(forMs), exchangeMs: 15 },
      async disturb(cluster, after, run) {
        await after(forMs + 3_000);
        explained.push((await cluster.explain(run)).summary);
      },
    });
    return { ...trained, explained };
  };

  it.each(kinds)("are contributed by another one, and status and `shoal why` name it: %s", async (_, change) => {
    // Local updates have more patience: a contribution is of several batches.
    const { steps = 1 } = { ...change.communication } as { readonly steps?: number };
    const trained = await trainSilently(change, 15_000 * steps);
    const said = /; worker-1 contributed slots? [\d, ]+ in place of worker-2, without what is kept of \w+ \(step \d+\)/;
    expect(saidOf(trained)).toMatch(said);
    expect(trained.status.reason).toMatch(said); // also of the completed run
    expect(trained.explained.join()).toMatch(said);
    expect(trained.status.batchesDone).toBe(trained.status.totalBatches);
  });

  it("are not named where slots keep nothing: the bits are the same", async () => {
    const trained = await trainSilently({}, 15_000);
    const undelayed = await trainSilently({}, 0);
    expect(trained.parameters).toEqual(undelayed.parameters); // no tolerance: the same bits
    expect(saidOf(trained)).not.toContain("in place of");
  });
});

describe("slots that move to faster workers", () => {
  it("take what they keep along", async () => {
    const job = jobOf({ shards: 1, slots: 8, workers: 3, stragglers: { handOff: true }, ...int8 });
    const { status, parameters, computed } = await trainInVirtualTime({
      ...{ site, dataset, job, workers: 3, snapshots: createMemorySnapshots() },
      msPerSample: (worker) => (worker === 1 ? 5 : 1),
    });
    expect(status).toMatchObject({ phase: "completed", error: null });
    expect((computed.get("worker-1") ?? 0) / (12 * 320)).toBeLessThan(0.2); // dealt evenly it would be a third
    const plain = trainPlainly(job, 8, dataset, site.kernels, site.memory);
    expect(parameters).toEqual(plain.parameters); // no tolerance: the same bits
  });
});
