/** Plays one seed and tells what it broke. */
import { createRandom, simulate } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { decodeModelFile, type Dataset } from "@shoal/models";
import type { RunStatus } from "@shoal/protocol";
import { createTrainingSite } from "../support/training-cluster.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { checkCopies, isUnsettled } from "./checks/check-copies.ts";
import { checkFeedback } from "./checks/check-feedback.ts";
import { checkEnd, describeWaits } from "./checks/check-end.ts";
import { checkLead } from "./checks/check-lead.ts";
import { scenarioShape } from "./scenario/conditions.ts";
import { drawScenario, type ScenarioKind } from "./scenario/draw-scenario.ts";
import type { Scenario } from "./scenario/scenario.ts";
import { Cluster } from "./world/cluster.ts";
import { inspectCopies } from "./world/copies.ts";
import { isLossy } from "./world/gradients.ts";
import { scheduleMishaps } from "./world/mishaps.ts";
import { Person } from "./world/person.ts";
import { sameBits } from "./world/witness.ts";
import { VectorPool } from "./world/vector-pool.ts";
import { World, type WorldSite } from "./world/world.ts";

export interface SimulatedRun {
  readonly kind: ScenarioKind;
  readonly seed: number;
  readonly scenario: Scenario;
  /** In words; empty when all is well. */
  readonly violations: readonly string[];
  readonly phase: RunStatus["phase"] | "unknown";
  readonly virtualMs: number;
  readonly messages: number;
  /** How often it went on with other key ranges. */
  readonly cuts: number;
  /** The newest events, or all of them. */
  readonly trace: readonly string[];
}

/** What all runs of a process share: kernels and their memory. */
export async function createWorldSite(): Promise<WorldSite> {
  const site = await createTrainingSite();
  return { ...site, vectors: new VectorPool(site.memory) };
}

/** Timers that may fire in one run: a run that never ends is ended by this. */
const maximumSteps = 400_000;
/** Deepest that a mailbox may be between two looks. */
const deepestMailbox = 64;
/** Kernel memory that the processes of a run may take together: these are vectors of a few values, and small plans. */
const mostBytes = 64 * 2 ** 20;

export async function simulateSeed(
  kind: ScenarioKind,
  seed: number,
  site: WorldSite,
  keepsTrace = false,
): Promise<SimulatedRun> {
  return simulateScenario(kind, seed, drawScenario(kind, seed), site, keepsTrace);
}

/** @param kind that it counts as; @param seed the same */
export async function simulateScenario(
  kind: ScenarioKind,
  seed: number,
  scenario: Scenario,
  site: WorldSite,
  keepsTrace: boolean,
): Promise<SimulatedRun> {
  const world = new World(scenario, site, keepsTrace);
  const dataset = drawDataset(scenario.samples);
  const cluster = new Cluster(world, dataset);
  const taken = site.memory.allocatedBytes - site.vectors.bytes;
  const found: string[] = [];
  let status: RunStatus | undefined;
  try {
    status = await simulate(world.clock, follow(world, cluster, dataset, found), { maximumSteps });
    found.push(...checkEnd(world, cluster, status), ...checkLead(scenario, cluster.leads));
  } catch (error) {
    found.push(`${ShoalError.from(error).message}; ${describeWaits(cluster)}`);
  }
  const virtualMs = world.clock.now();
  found.push(...world.witness.violations, ...checkFeedback(world.witness, cluster.watch, site));
  await simulate(world.clock, endAll(cluster), { maximumSteps }).catch((error: unknown) => {
    found.push(`the cluster does not end: ${ShoalError.from(error).message}`);
  });
  site.vectors.endRun();
  const left = site.memory.allocatedBytes - site.vectors.bytes - taken;
  if (left !== 0) found.push(`${left} bytes of kernel memory were not given back`);
  const phase = status?.phase ?? "unknown";
  const { cuts } = world.witness.eras;
  const trace = keepsTrace || found.length > 0 ? world.trace.lines() : [];
  return { kind, seed, scenario, violations: found, phase, virtualMs, messages: world.messages, cuts, trace };
}

/** Looks around for each question how the run is: who notes its end is asked at once. */
const looksPerQuestion = 5;

/** Starts everybody, submits the job, and looks on until it is over. */
async function follow(
  world: World,
  cluster: Cluster,
  dataset: Dataset,
  found: string[],
): Promise<RunStatus | undefined> {
  const { scenario, clock } = world;
  for (let index = 0; index < scenario.coordinators; index += 1) cluster.startCoordinator();
  const { headStartMs = 0 } = scenario;
  if (headStartMs > 0) await cluster.pass(headStartMs);
  for (let index = 1; index <= scenario.servers; index += 1) await cluster.startServer(`server-${index}`);
  for (let index = 1; index <= scenario.workers; index += 1) cluster.startWorker(`worker-${index}`);
  scheduleMishaps(world, cluster);
  let inspected: readonly string[] | undefined;
  // Before the job is submitted: whoever submits it may hear of that when it is over.
  cluster.onModel = async (run, model) => {
    await settleDown(world, cluster);
    inspected = [...(await checkShards(world, cluster, run)), ...checkModel(world, model, dataset)];
  };
  const person = new Person(world, cluster);
  await person.submit();
  let status: RunStatus | undefined;
  let untilAsked = looksPerQuestion;
  let wake = (): void => undefined;
  cluster.onEnd = () => {
    untilAsked = 0;
    wake();
  };
  while (!hasEnded(status) && clock.now() <= scenario.limitMs) {
    const woken = new Promise<void>((resolve) => (wake = resolve));
    if (untilAsked > 0) await Promise.race([cluster.pass(200), woken]);
    lookAround(world, cluster);
    untilAsked -= 1;
    if (untilAsked > 0) continue;
    status = (await person.look()) ?? status;
    untilAsked = looksPerQuestion;
  }
  // Who took part is told.
  await cluster.pass(50);
  if (status?.phase === "completed") found.push(...(inspected ?? ["it completed without a model"]));
  return status;
}

/** What is still on its way arrives before anybody looks. */
async function settleDown(world: World, cluster: Cluster): Promise<void> {
  const lookMs = 10;
  for (let leftMs = 2 * world.scenario.data.longestStrayMs; leftMs >= 0; leftMs -= lookMs) {
    await cluster.pass(lookMs);
    if (world.onTheWay === 0) return;
  }
}

/** A shard whose primary has just died is looked at when another leads it, and its copies when they have what it has. */
async function checkShards(
  { scenario, witness, site }: World,
  cluster: Cluster,
  run: string,
): Promise<readonly string[]> {
  const shards = witness.eras.current?.ranges.size ?? 0;
  for (let left = 30; ; left -= 1) {
    const copies = await inspectCopies(cluster, run, shards);
    if (left > 0 && isUnsettled(copies, shards)) await cluster.pass(100);
    else return checkCopies({ scenario, copies, witness, site, shards, disk: cluster.watch });
  }
}

function hasEnded(status: RunStatus | undefined): boolean {
  return status !== undefined && ["completed", "failed", "cancelled"].includes(status.phase);
}

/** Bounds that hold at any time. */
function lookAround({ witness, site }: World, { lives }: Cluster): void {
  if (site.memory.allocatedBytes > mostBytes) witness.violation(`${site.memory.allocatedBytes} bytes of kernel memory`);
  for (const { process, system } of lives) {
    if (process.isDead) continue;
    for (const { address, depth } of system.mailboxes()) {
      if (depth > deepestMailbox) witness.violation(`${depth} messages wait in ${address}`);
    }
    for (const { waitingFor, deadlineAtMs, owner } of system.waits()) {
      const lateMs = process.clock.now() - deadlineAtMs;
      if (lateMs > 1 && !process.hasPaused) witness.late(`${owner}: ${waitingFor}`, lateMs);
    }
  }
}

/** Synchronous training gives the bits of one plain loop; with lossy pushes where no worker is given up. */
function checkModel(world: World, model: Uint8Array, dataset: Dataset): readonly string[] {
  const { scenario, site, witness } = world;
  const { job, slots } = scenario;
  const hasItsBits = !isLossy(job) || keepsErrors(world);
  const isPlain = job.communication.name === "gradients" && job.stragglers.backup === 0 && hasItsBits;
  const isWhole = [...witness.missing.values()].every((lost) => lost === 0);
  if (job.consistency.mode !== "synchronous" || !isPlain || !isWhole) return [];
  const ranges = [...(witness.eras.current?.ranges.values() ?? [])].toSorted((a, b) => a.begin - b.begin);
  const plain = trainPlainly(job, slots, dataset, site.kernels, site.memory, ranges);
  const isEqual = sameBits(plain.parameters, decodeModelFile(model).parameters);
  return isEqual ? [] : ["the model has other bits than the plain loop's"];
}

/** What pushes leave unsent is with its slot all the time: no worker died, and none was given up for dead. */
function keepsErrors({ processes, scenario: { job, mishaps } }: World): boolean {
  const disturbs = mishaps.some(({ mishap: { kind } }) => !["join", "leave"].includes(kind));
  const workers = processes.filter(({ node }) => node.startsWith("worker"));
  return job.encoding.pull["name"] === "float32" && !disturbs && workers.every(({ isDead }) => !isDead);
}

/** What is lent to a link comes back when its call is over, at the latest by its deadline. */
async function endAll(cluster: Cluster): Promise<void> {
  await cluster.end();
  await cluster.pass(12_000);
}

function drawDataset(count: number): Dataset {
  const { features, classes } = scenarioShape;
  const random = createRandom("simulated data");
  const split = (samples: number): Dataset["train"] => {
    const labels = Int32Array.from({ length: samples }, (_, index) => index % classes);
    const values = Float32Array.from({ length: samples * features }, () => random.uniform() - 0.5);
    return {
      count: samples,
      inputs: { input: { kind: "dense", width: features, values, scale: 1, shift: 0 } },
      targets: { output: { kind: "labels", classes, values: labels } },
    };
  };
  return { name: "simulated", source: "drawn", train: split(count), test: split(6) };
}
