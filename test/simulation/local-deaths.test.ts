/** Workers that die in the middle of local steps, with pushes in a buffer, and with unsent errors: what counts in the end. */
import { createInProcessBus, createSimulatedClock, simulate } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput, RunStatus, ShardSummary } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { describe, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const data = { samples: 600, testSamples: 60, seed: 4 };
const dataset = generateDigits(data);

interface Outcome {
  readonly status: RunStatus;
  readonly shards: readonly ShardSummary[];
  readonly parameters: Float32Array;
}

/** A gradient takes 100 ms, all steps of a contribution together. */
const computeMs = 100;

/** @param dies worker-2, in the middle of computing this contribution of its own; undefined: nobody */
async function train(change: Partial<JobInput>, workers: number, dies?: number): Promise<Outcome> {
  const job = checkJob({
    name: "deaths",
    model: perceptron([12]),
    data: { type: "digits", ...data },
    optimizer: { name: "sgd", learningRate: 0.05 },
    batchSize: 8,
    epochs: 3,
    seed: 3,
    shards: 3,
    workers,
    ...change,
  });
  const clock = createSimulatedClock();
  const work = async (): Promise<Outcome> => {
    let shards: readonly ShardSummary[] = [];
    let begun = 0;
    const takesTime = (compute: ComputePort, name: string): ComputePort => ({
      ...compute,
      async gradient(task) {
        const done = await compute.gradient(task);
        if (name === "worker-2") begun += 1;
        const isLast = name === "worker-2" && begun === dies;
        if (isLast) clock.after(computeMs / 2, () => void cluster.workers.find((each) => each.name === name)?.kill());
        await new Promise<void>((resolve) => void clock.after(computeMs, resolve));
        return { ...done, endedAtMs: done.startedAtMs + computeMs };
      },
    });
    const cluster: TrainingCluster = await startTrainingCluster({
      ...{ site, dataset, servers: 2, workers, clock, computeKind: "inline", bus: createInProcessBus() },
      wrapCompute: takesTime,
      onModel: async (run) => {
        shards = (await Promise.all(cluster.servers.map(({ host }) => host.describe(run)))).flat();
      },
    });
    const run = await cluster.submit(job);
    const status = await cluster.ended(run, 600_000);
    const { parameters } = cluster.model(run);
    await cluster[Symbol.asyncDispose]();
    if (dies !== undefined) expect(begun).toBe(dies);
    expect(status).toMatchObject({ phase: "completed", batchesDone: status.totalBatches });
    expect(status.samples).toBe(job.epochs * data.samples);
    for (const { batchesApplied } of shards) expect(batchesApplied).toBe(status.totalBatches);
    expect(shards).toHaveLength(3);
    expect(parameters.every((value) => Number.isFinite(value))).toBe(true);
    return { status, shards, parameters };
  };
  return simulate(clock, work(), { maximumSteps: 3_000_000 });
}

const steps = 3;

describe("a worker that dies in the middle of its local steps", () => {
  it.each([
    { name: "local_sgd", steps },
    { name: "geo_sgd", steps },
    { name: "diloco", steps },
  ] as const)("changes no bit where a replica remembers nothing: $name", async (communication) => {
    const calm = await train({ communication, slots: 3 }, 1);
    const disturbed = await train({ communication, slots: 3 }, 3, 4);
    expect(disturbed.parameters).toEqual(calm.parameters); // no tolerance
  });

  it.each([
    [
      { name: "easgd", steps, elasticity: 0.2 },
      { name: "sgd", learningRate: 0.05 },
    ],
    [
      { name: "local_sgd", steps },
      { name: "sgd", learningRate: 0.05, momentum: 0.9 },
    ],
    [
      { name: "diloco", steps },
      { name: "adamw", learningRate: 0.002 },
    ],
    [
      { name: "diloco", steps: 4, fragments: 2, delay: 1, mixing: 0.5 },
      { name: "adamw", learningRate: 0.002 },
    ],
  ] as const)("is replaced by a replica that begins afresh: %j within %j", async (communication, optimizer) => {
    const calm = await train({ communication, optimizer, slots: 3 }, 3);
    const disturbed = await train({ communication, optimizer, slots: 3 }, 3, 4);
    expect(disturbed.parameters).not.toEqual(calm.parameters);
    expect(disturbed.status.result?.loss).toBeLessThan(1.5 * (calm.status.result?.loss ?? NaN));
  });

  it.each([
    [
      { mode: "bounded", staleness: 1 },
      { name: "geo_sgd", steps },
    ],
    [{ mode: "asynchronous" }, { name: "easgd", steps, elasticity: 0.2 }],
    [{ mode: "asynchronous" }, { name: "fedasync", steps }],
    [
      { mode: "asynchronous", buffer: 4 },
      { name: "diloco", steps, outerMomentum: 0 },
    ],
  ] as const)("leaves its contribution to others, which counts once: %j, %j", async (consistency, communication) => {
    await train({ consistency, communication }, 3, 4);
  });
});

describe("a worker that dies with a push on its way", () => {
  it("leaves those in a buffer where they are: each batch counts once, four make a version", async () => {
    const { shards, status } = await train({ consistency: { mode: "asynchronous", buffer: 4 } }, 3, 20);
    for (const { version } of shards) expect(version).toBe(Math.floor(status.totalBatches / 4));
  });

  it.each(["int8", "bfloat16"])("changes no bit of pushes as %s without error feedback", async (name) => {
    const encoding = { push: { name, errorFeedback: false } };
    const calm = await train({ encoding, slots: 3 }, 1);
    const disturbed = await train({ encoding, slots: 3 }, 3, 9);
    expect(disturbed.parameters).toEqual(calm.parameters); // no tolerance
  });

  it.each(["one_bit", "top_k", "power_sgd"])("takes its unsent error with it, and no batch: %s", async (name) => {
    const encoding = { push: { name }, pull: { name: "int8" } };
    for (const mode of ["synchronous", "asynchronous"] as const) {
      await train({ encoding, consistency: { mode } }, 3, 9);
    }
  });
});
