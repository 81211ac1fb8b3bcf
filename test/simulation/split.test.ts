/** Key ranges that are too hot for any server are cut while the run goes on, to the same bits. */
import { generateDigits } from "@shoal/models";
import { ShoalError } from "@shoal/errors";
import type { JobInput, JobSpec, RunStatus, SnapshotStore } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createMemorySnapshots } from "../support/memory-snapshots.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { smallDigits, smallDigitsJob } from "../support/small-digits.ts";
import { createTrainingSite, type TrainingCluster } from "../support/training-cluster.ts";
import {
  trainVirtually,
  type Disturb,
  type VirtualTraining,
  type VirtuallyTrained,
} from "../support/virtual-training.ts";

const site = await createTrainingSite();
const dataset = generateDigits(smallDigits);

const jobOf = (change: Partial<JobInput>): JobSpec => smallDigitsJob({ workers: 2, epochs: 20, ...change });

const nothing: Disturb = () => Promise.resolve();

const train = (job: JobSpec, servers: number, change: Partial<VirtualTraining> = {}): Promise<VirtuallyTrained> =>
  trainVirtually({
    ...{ site, dataset, job, servers, workers: 2, disturb: nothing, exchangeMs: 200, lookMs: 100 },
    ...{ settings: { splitMs: 500 }, snapshots: createMemorySnapshots(), ...change },
  });

const expected = (job: JobSpec): Float32Array => trainPlainly(job, 2, dataset, site.kernels, site.memory).parameters;
const leads = ({ servers }: RunStatus): number => servers.reduce((sum, each) => sum + each.leads, 0);
const lastTraining = ({ seen }: VirtuallyTrained): RunStatus => {
  const status = seen.findLast(({ phase }) => phase === "training");
  if (status === undefined) throw new Error("it never trained");
  return status;
};

describe("a synchronous run with one shard on two servers", () => {
  it.each([0, 1])("is cut at a version, and ends with the bits of a plain loop (%i copies)", async (replicas) => {
    const job = jobOf({ shards: 1, durability: { replicas } });
    const trained = await train(job, replicas + 2);
    expect(leads(lastTraining(trained))).toBeGreaterThan(1);
    expect(Math.max(...lastTraining(trained).servers.map((each) => each.timesMean))).toBeLessThanOrEqual(1.2);
    expect(trained.status.batchesDone).toBe(trained.status.totalBatches);
    expect(trained.parameters).toEqual(expected(job)); // no tolerance
  });
});

/** The place fails so many times before it works. */
function failing(store: SnapshotStore, times: number): SnapshotStore {
  let left = times;
  return {
    ...store,
    write(name, source) {
      left -= 1;
      if (left < 0) return store.write(name, source);
      return Promise.reject(new ShoalError("store_unavailable", `cannot write ${name}: no space left on device`));
    },
  };
}

const cut = /is copied, to go on with keys 0 to 9550 .* cut into \d ranges/;
const saw = (trained: VirtuallyTrained, what: RegExp): boolean => trained.seen.some(({ reason }) => what.test(reason));

describe("a run that is being cut", () => {
  const job = jobOf({ shards: 1, durability: { replicas: 1 } });

  it("goes on with all it had, and tries again, when it cannot be copied", async () => {
    const trained = await train(job, 2, {
      snapshots: failing(createMemorySnapshots(), 2),
      settings: { splitMs: 1000 },
    });
    expect(saw(trained, cut)).toBe(false); // two holders on two servers: each has its fair share
    const hot = await train(job, 3, { snapshots: failing(createMemorySnapshots(), 1), settings: { splitMs: 1000 } });
    expect(hot.seen.some(({ snapshots }) => /no space left/.test(snapshots?.failure ?? ""))).toBe(true);
    expect(leads(lastTraining(hot))).toBeGreaterThan(1);
    expect(hot.parameters).toEqual(expected(job)); // no tolerance
  });

  it.each(["training", "queued"] as const)("outlives its coordinator and a server while it is %s", async (phase) => {
    const trained = await train(job, 3, {
      settings: { splitMs: 6000 },
      disturb: async (cluster, after, run) => {
        const due = async (): Promise<boolean> => {
          const status = await cluster.status(run);
          return status.phase === phase && (phase === "queued" || cut.test(status.reason));
        };
        while (!(await due())) await after(5);
        await cluster.killCoordinator();
        await cluster.killServer("server-3");
        await after(300);
        cluster.startCoordinator();
      },
    });
    expect(leads(lastTraining(trained))).toBeGreaterThanOrEqual(1);
    expect(trained.status.batchesDone).toBe(trained.status.totalBatches);
    expect(trained.parameters).toEqual(expected(job)); // no tolerance
  });

  it("is cut between layers where the optimiser takes their norms, and not at all where they cannot be parted", async () => {
    const layerwise = jobOf({ shards: 1, optimizer: { name: "lamb", learningRate: 0.003 } });
    const trained = await train(layerwise, 2);
    expect(leads(lastTraining(trained))).toBe(2); // the great matrix stays whole, and is hot for ever
    expect(saw(trained, /too hot for any server: keys 0 to 9408 .* cannot be cut/)).toBe(true);
    expect(trained.parameters).toEqual(expected(layerwise)); // no tolerance
  });

  it("is not cut where its workers keep what they have not sent: the range is named", async () => {
    const trained = await train(
      jobOf({ shards: 1, consistency: { mode: "asynchronous" }, encoding: { push: { name: "int8" } } }),
      2,
    );
    expect(saw(trained, /too hot .* workers keep state for the ranges as they are/)).toBe(true);
    expect(leads(lastTraining(trained))).toBe(1);
  });
});

/** Each batch counts once, and each of its samples. */
function countsAll({ status }: VirtuallyTrained): void {
  expect(status.batchesDone).toBe(status.totalBatches);
  expect(status.samples).toBe(20 * 330);
}

const rests = /stands still, waiting for .* to end what is leased, to go on with keys 0 to 9550/;

describe("a run whose batches are leased, with one shard on three servers", () => {
  const compensation = { name: "adaptive" };
  it.each<[string, Partial<JobInput>]>([
    ["asynchronous, without a copy", { consistency: { mode: "asynchronous" }, durability: { replicas: 0 } }],
    [
      "prefetching, with lossy pulls",
      { consistency: { mode: "asynchronous" }, prefetch: true, encoding: { pull: { name: "int8" } } },
    ],
    [
      "bounded by a bound that adapts",
      { consistency: { mode: "bounded", staleness: 1, adaptive: { maximum: 4, waiting: 0.1 } } },
    ],
    [
      "buffered, compensating for delays",
      { consistency: { mode: "asynchronous", buffer: 3 }, staleness: { compensation } },
    ],
    ["warmed up", { consistency: { mode: "asynchronous", warmUpSteps: 4 } }],
  ])("comes to rest and is cut: nothing is computed twice, and everything counts (%s)", async (_, change) => {
    const trained = await train(jobOf({ shards: 1, durability: { replicas: 1 }, ...change }), 3);
    expect(saw(trained, rests)).toBe(true);
    expect(leads(lastTraining(trained))).toBeGreaterThan(1);
    expect(trained.gradients).toBe(trained.status.totalBatches);
    countsAll(trained);
  });

  const job = jobOf({ shards: 1, consistency: { mode: "asynchronous" }, durability: { replicas: 1 } });
  const untilResting = async (
    cluster: TrainingCluster,
    after: (ms: number) => Promise<void>,
    run: string,
  ): Promise<void> => {
    while (!rests.test((await cluster.status(run)).reason)) await after(5);
  };

  it("is cut by the others when a worker and a server die while it comes to rest", async () => {
    const trained = await train(job, 3, {
      settings: { splitMs: 6000 },
      disturb: async (cluster, after, run) => {
        await untilResting(cluster, after, run);
        await cluster.workers[1]?.kill();
        await cluster.killServer("server-3");
      },
    });
    expect(leads(lastTraining(trained))).toBeGreaterThanOrEqual(1);
    countsAll(trained);
  });

  it("goes on as it was when its coordinator dies while it comes to rest, and is cut later", async () => {
    const trained = await train(job, 3, {
      settings: { splitMs: 6000 },
      disturb: async (cluster, after, run) => {
        await untilResting(cluster, after, run);
        await cluster.killCoordinator();
        await after(300);
        cluster.startCoordinator();
      },
    });
    expect(leads(lastTraining(trained))).toBeGreaterThan(1);
    countsAll(trained);
  });

  it("goes on as it was when it does not come to rest in time, and says who was waited for", async () => {
    const trained = await train(job, 3, { settings: { splitMs: 500, restMs: 10 } });
    expect(saw(trained, /not cut: it did not come to rest within 10 ms: worker-[12].* to end what is leased/)).toBe(
      true,
    );
    expect(leads(lastTraining(trained))).toBe(1);
    expect(trained.gradients).toBe(trained.status.totalBatches);
    countsAll(trained);
  });

  it("goes on as it was when its servers write to places of their own", async () => {
    const own = createMemorySnapshots();
    const snapshots: SnapshotStore = { ...own, list: () => Promise.resolve([]) };
    const trained = await train(job, 3, { snapshots });
    expect(saw(trained, /not cut: snapshot .*shard-0 is missing in .*: servers and coordinator need a place/)).toBe(
      true,
    );
    expect(leads(lastTraining(trained))).toBe(1);
    countsAll(trained);
  });

  it("goes on as it was when it cannot be copied in time, and says who was waited for", async () => {
    const never: SnapshotStore = { ...createMemorySnapshots(), write: () => new Promise(() => undefined) };
    const trained = await train(job, 3, { settings: { splitMs: 500, restMs: 2000 }, snapshots: never });
    expect(saw(trained, /not cut: it was not copied within 20\d\d ms: server-\d did not save shards/)).toBe(true);
    expect(leads(lastTraining(trained))).toBe(1);
    countsAll(trained);
  });
});
