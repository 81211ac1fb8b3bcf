/**
 * Plays one cell: a real shard actor with its rule, in virtual time, and workers that push real gradients to it over the
 * in-process link. What is left out is what takes no part in the rule: coordinator, leases, a network.
 *
 * A worker pulls, computes for the time that its pace says, pushes, pulls again. Its gradient is that of the values that
 * it pulled, on the batch that was the next one when it began. Workers begin one after the other within the first step.
 */
import {
  createActorSystem,
  createInProcessBus,
  createRandom,
  createSimulatedClock,
  simulate,
  type Random,
  type SimulatedClock,
} from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import type { Offset, Region } from "@shoal/kernels-wasm";
import { createEpochPlan, createShuffle, initializeParameters, type EpochPlan, type Shuffle } from "@shoal/models";
import type { ParameterLink, RunMembers } from "@shoal/protocol";
import { createShardHost, type ShardHost } from "@shoal/ps-server";
import { createInProcessLinkFactory } from "@shoal/worker";
import { stalenessOf, type Cell, type CellResult, type Pace } from "./cell.ts";
import type { Learner, StudySite } from "./site.ts";

const run = "cell";
const endpoint = "server-1";
/** Virtual length of a mean step. */
const stepMs = 10;
/** Nothing waits in this play: the shard answers at once. */
const options = { deadlineMs: 1_000 };
const evaluations = 25;
const aimedError = 0.03;
/** Errors of whoever guesses among ten classes, and of values that are no numbers. */
const guessing = 0.9;
/** Evaluations on the way look at every fourth test sample; the last one looks at all. */
const curveStride = 4;

interface Stage {
  readonly cell: Cell;
  readonly learner: Learner;
  readonly clock: SimulatedClock;
  readonly random: Random;
  readonly epochs: EpochPlan;
  readonly shuffle: Shuffle;
  readonly gradient: Vector;
  readonly record: Recording;
  nextBatch: number;
}

interface Recording {
  diverged: boolean;
  stepsToAim: number | null;
  stalenessSum: number;
  maximumStaleness: number;
  readonly curve: [number, number][];
}

interface Vector {
  readonly offset: Offset;
  readonly floats: Float32Array;
}

export async function playCell(cell: Cell, site: StudySite): Promise<CellResult> {
  const clock = createSimulatedClock();
  const system = createActorSystem({
    node: endpoint,
    bus: createInProcessBus(),
    clock,
    random: createRandom(endpoint),
  });
  const host = createShardHost({ system, memory: site.memory, kernels: site.kernels });
  const regions: Region[] = [];
  try {
    return await simulate(clock, train(cell, site, { clock, host, regions }), {
      maximumSteps: 10 * cell.updates + 1_000,
    });
  } finally {
    await simulate(clock, host.close());
    await simulate(clock, system.stop());
    for (const region of regions) site.memory.free(region);
  }
}

interface Surroundings {
  readonly clock: SimulatedClock;
  readonly host: ShardHost;
  /** Takes note of what is to be given back. */
  readonly regions: Region[];
}

async function train(cell: Cell, site: StudySite, { clock, host, regions }: Surroundings): Promise<CellResult> {
  const { memory, kernels, dataset } = site;
  const learner = site.learner(cell.model, cell.batchSize);
  const { size } = learner.plan.layout;
  const vector = (): Vector => {
    const region = memory.allocate(4 * size);
    regions.push(region);
    return { offset: region.byteOffset, floats: memory.floats(region.byteOffset, size) };
  };
  await host.host(hostingOf(cell, size));
  const factory = createInProcessLinkFactory({ directoryOf: () => host, memory, kernels, clock });
  const links = numbersOf(cell).map((worker) =>
    factory.connect(endpoint, { run, worker, incarnation: 1, name: `worker-${worker}` }),
  );
  const [first] = links;
  const gradient = vector();
  initializeParameters(learner.plan.spec, cell.seed, gradient.floats);
  await first?.initialize({ shard: 0, values: gradient.floats }, options);
  const { count: samples } = dataset.train;
  const batches = Math.ceil(samples / cell.batchSize);
  const stage: Stage = {
    ...{ cell, learner, clock, gradient },
    random: createRandom(`pace ${cell.seed}`),
    epochs: createEpochPlan({
      samples,
      batchSize: cell.batchSize,
      slots: 1,
      epochs: Math.ceil(cell.updates / batches),
    }),
    shuffle: createShuffle(cell.seed, samples),
    record: { diverged: false, stepsToAim: null, stalenessSum: 0, maximumStaleness: 0, curve: [] },
    nextBatch: 0,
  };
  await Promise.all(links.map((link, index) => work(stage, link, index, vector())));
  await first?.pull({ shard: 0, clock: 0, into: gradient.floats }, options);
  const result = summarize(stage, stage.record.diverged ? guessing : learner.testError(gradient.offset, 1));
  await Promise.all(links.map((link) => link.close()));
  return result;
}

async function work(stage: Stage, link: ParameterLink, index: number, values: Vector): Promise<void> {
  const { cell, clock, epochs, learner, gradient, record } = stage;
  await pause(clock, (stepMs * index) / cell.workers);
  let { version } = await link.pull({ shard: 0, clock: 0, into: values.floats }, options);
  for (let done = 0; stage.nextBatch < cell.updates && !record.diverged; done += 1) {
    const batch = stage.nextBatch;
    stage.nextBatch += 1;
    await pause(clock, stepMs * drawStep(cell.pace, stage.random));
    const { epoch, begin, end } = epochs.batch(batch);
    const rows = learner.filler.fill(stage.shuffle.order(epoch), begin, end);
    learner.plan.gradient(values.offset, gradient.offset, rows, { seed: cell.seed, epoch, first: begin });
    const push = { shard: 0, sequence: done + 1, clock: done, baseVersion: version, batch, samples: rows };
    try {
      const reply = await link.push({ ...push, gradient: gradient.floats }, options);
      if (reply.type !== "push_applied") throw new Error(`batch ${batch}: ${reply.type}`);
      note(record, reply.staleness);
    } catch (error) {
      if (!isShoalError(error, "not_finite")) throw error;
      record.diverged = true;
      return;
    }
    ({ version } = await link.pull({ shard: 0, clock: done + 1, into: values.floats }, options));
    if (version % Math.ceil(cell.updates / evaluations) === 0) evaluate(stage, version, values.offset);
  }
}

function evaluate({ record, learner, clock }: Stage, version: number, values: Offset): void {
  const error = learner.testError(values, curveStride);
  record.curve.push([version, error]);
  if (error <= aimedError) record.stepsToAim ??= clock.now() / stepMs;
}

function note(record: Recording, staleness: number): void {
  record.stalenessSum += staleness;
  record.maximumStaleness = Math.max(record.maximumStaleness, staleness);
}

function summarize({ record, clock, cell }: Stage, finalError: number): CellResult {
  const { stalenessSum, ...rest } = record;
  return { ...rest, finalError, steps: clock.now() / stepMs, meanStaleness: stalenessSum / cell.updates };
}

function drawStep(pace: Pace, random: Random): number {
  return pace === "equal" ? 1 : 0.5 - 0.5 * Math.log(1 - random.uniform());
}

function hostingOf(cell: Cell, size: number): Parameters<ShardHost["host"]>[0] {
  return {
    run,
    term: 1,
    treatments: [{ kind: "optimizer", weightDecay: null, learningRateScale: 1 }],
    shards: [{ shard: 0, begin: 0, end: size, updates: [[size, 0]] }],
    optimizer: { ...cell.optimizer },
    schedule: { ...(cell.schedule ?? { name: "constant" }) },
    consistency: { mode: "asynchronous" },
    aggregation: "mean",
    staleness: { ...stalenessOf(cell) },
    slots: 1,
    members: membersOf(cell),
  };
}

function membersOf(cell: Cell): RunMembers {
  const numbers = numbersOf(cell);
  const workers = numbers.map((member) => ({ member, incarnation: 1, name: `worker-${member}` }));
  return { revision: 1, workers, slotOwners: numbers };
}

function numbersOf({ workers }: Cell): readonly number[] {
  return Array.from({ length: workers }, (_, index) => index + 1);
}

function pause(clock: SimulatedClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
