/** A whole cluster that trains in virtual time, over a bus that loses, repeats and reorders messages. */
import {
  createRandom,
  createSimulatedClock,
  createSimulatedNetwork,
  simulate,
  type SimulatedNetwork,
} from "@shoal/actors";
import { generateDigits } from "@shoal/models";
import type { JobInput, JobSpec, LinkFactory, RunStatus } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { trainPlainly } from "../support/plain-training.ts";
import { smallDigits, smallDigitsJob } from "../support/small-digits.ts";
import { delayedLinks } from "../support/slow-links.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits(smallDigits);

const jobOf = (change: Partial<JobInput>): JobSpec =>
  smallDigitsJob({ optimizer: { name: "sgd", learningRate: 0.05, momentum: 0.9 }, workers: 3, ...change });

interface Trained {
  readonly status: RunStatus;
  readonly parameters: Float32Array;
  readonly virtualMs: number;
}

/** Trains in virtual time; `disturb` runs beside it. */
async function trainInSimulation(
  seed: string,
  job: JobSpec,
  disturb: (cluster: TrainingCluster, network: SimulatedNetwork, after: (ms: number) => Promise<void>) => Promise<void>,
): Promise<Trained> {
  const clock = createSimulatedClock();
  const random = createRandom(seed);
  const disorder = { dropRate: 0.1, duplicateRate: 0.05, reorderRate: 0.05 };
  const network = createSimulatedNetwork({ clock, random, settings: disorder });
  const after = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const work = async (): Promise<Trained> => {
    const wrapLinks = (links: LinkFactory): LinkFactory => delayedLinks(links, clock, 5);
    const scene = { site, dataset, servers: 2, workers: 3, computeKind: "inline", bus: network, clock } as const;
    // Ten heartbeats a lease: no server is lost to bad luck.
    const settings = { leaseMs: 2_000, heartbeatMs: 200 };
    const cluster = await startTrainingCluster({ ...scene, settings, wrapLinks });
    const run = await cluster.submit(job);
    void disturb(cluster, network, after);
    const status = await cluster.ended(run, 600_000);
    expect(status.error).toBeNull();
    const { parameters } = cluster.model(run);
    const virtualMs = clock.now();
    await cluster[Symbol.asyncDispose]();
    return { status, parameters, virtualMs };
  };
  return simulate(clock, work());
}

/** One worker is cut off for longer than its lease and comes back; another one crashes; a fourth joins. */
async function adversity(
  cluster: TrainingCluster,
  network: SimulatedNetwork,
  after: (ms: number) => Promise<void>,
): Promise<void> {
  await after(1_000);
  network.partition(["worker-2"], ["coordinator"]);
  await after(4_000);
  network.heal();
  await after(1_000);
  network.crash("worker-3");
  cluster.addWorker("worker-4");
}

describe("a cluster on a bad network", () => {
  it.each(["one", "two"])("trains synchronously to the bits of a plain loop (seed %s)", async (seed) => {
    const job = jobOf({ epochs: 250 });
    const { status, parameters } = await trainInSimulation(seed, job, adversity);
    expect(status).toMatchObject({ phase: "completed", batchesDone: status.totalBatches });
    expect(parameters).toEqual(trainPlainly(job, 3, dataset, site.kernels, site.memory).parameters);
    expect(status.workers.map(({ name }) => name)).toContain("worker-4");
  });

  it("does the same from the same seed", async () => {
    const job = jobOf({ epochs: 200, consistency: { mode: "asynchronous" } });
    const [first, second] = [
      await trainInSimulation("s", job, adversity),
      await trainInSimulation("s", job, adversity),
    ];
    expect(second.virtualMs).toBe(first.virtualMs);
    expect(second.status.workers).toEqual(first.status.workers);
    expect(second.parameters).toEqual(first.parameters);
  });

  it.each([0, 2])("counts every batch once with staleness bound %i", async (staleness) => {
    const job = jobOf({ epochs: 200, consistency: { mode: "bounded", staleness } });
    const { status } = await trainInSimulation(`bounded ${staleness}`, job, adversity);
    expect(status).toMatchObject({ phase: "completed", batchesDone: status.totalBatches, samples: 200 * 330 });
  });
});
