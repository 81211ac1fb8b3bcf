/** Synchronous runs whose slots keep something from step to step, while workers come, go in order and are slow: every bit. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec, SnapshotStore } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { createMemorySnapshots } from "../support/memory-snapshots.ts";
import { perceptron } from "../support/perceptron.ts";
import { createTrainingSite, type TrainingCluster } from "../support/training-cluster.ts";
import { trainVirtually, type Disturb, type VirtuallyTrained } from "../support/virtual-training.ts";

const site = await createTrainingSite();
const data = { samples: 320, testSamples: 40, seed: 2 };
const dataset = generateDigits(data);

function jobOf(change: Partial<JobInput>): JobSpec {
  return checkJob({
    name: "digits",
    model: perceptron([12]),
    data: { type: "digits", ...data },
    optimizer: { name: "sgd", learningRate: 0.005, momentum: 0.9 },
    batchSize: 8,
    epochs: 12,
    seed: 5,
    workers: 1,
    slots: 4,
    shards: 3,
    ...change,
  });
}

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
  workers = 1,
  store = createMemorySnapshots(),
): Promise<VirtuallyTrained> {
  return trainVirtually({ site, dataset, job, workers, servers: 2, sampleMs: 1, snapshots: store, disturb });
}

const undisturbed: Disturb = () => Promise.resolve();
const diloco = { name: "diloco", steps: 3 } as const;
const kinds: readonly (readonly [string, Partial<JobInput>])[] = [
  ["int8 with error feedback", { encoding: { push: { name: "int8" } } }],
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
  return status.workers.filter(({ batches }) => batches > 0).map(({ name }) => name);
}

function leftOver(store: SnapshotStore & { readonly objects: ReadonlyMap<string, unknown> }): readonly string[] {
  return [...store.objects.keys()].filter((name) => name.includes("/move-"));
}

describe("what a slot keeps from step to step", () => {
  it.each(kinds)("goes with it to whoever comes, and from whoever leaves: %s", async (_, change) => {
    const job = jobOf(change);
    const expected = await train(job, undisturbed);
    const store = createMemorySnapshots();
    const trained = await train(job, comeAndGo, 1, store);
    expect(busy(trained)).toHaveLength(3);
    expect(trained.parameters).toEqual(expected.parameters); // no tolerance: the same bits
    expect(trained.gradients).toBe(expected.gradients); // nothing is computed twice
    expect(trained.status.reason).not.toContain("afresh");
    expect(leftOver(store)).toEqual([]);
  });
});
