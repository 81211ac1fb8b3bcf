/** Plays a scenario in virtual time and tells what it broke. */
import { createRandom, createSimulatedClock, createSimulatedNetwork, simulate, type Clock } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { Dataset } from "@shoal/models";
import {
  batchParts,
  coordinatorNode,
  type CallOptions,
  type LinkFactory,
  type ParameterLink,
  type RunStatus,
  type ShardSummary,
} from "@shoal/protocol";
import { trainPlainly } from "../support/plain-training.ts";
import { slowCompute } from "../support/slow-compute.ts";
import { startTrainingCluster, type TrainingCluster, type TrainingSite } from "../support/training-cluster.ts";
import { createPausableNode } from "./pausable-node.ts";
import { scenarioShape, undisturbed, type Mishap, type TrainingScenario } from "./training-scenario.ts";

export interface Played {
  /** In words; empty when all is well. */
  readonly violations: readonly string[];
  readonly status: RunStatus | undefined;
  readonly virtualMs: number;
  /** Longest time without a finished batch, ms. */
  readonly longestStallMs: number;
  /** The finished model's. */
  readonly parameters: Float32Array | undefined;
}

/** A run that is not over then hangs. */
const limitMs = 400_000;

export async function play(scenario: TrainingScenario, site: TrainingSite): Promise<Played> {
  const played = await playOnce(scenario, site);
  const calm = undisturbed(scenario);
  if (calm === undefined || played.parameters === undefined) return played;
  const { parameters } = await playOnce(calm, site);
  const isEqual = played.parameters.every((value, index) => Object.is(value, parameters?.[index]));
  return isEqual ? played : { ...played, violations: [...played.violations, "other bits than undisturbed"] };
}

async function playOnce(scenario: TrainingScenario, site: TrainingSite): Promise<Played> {
  const clock = createSimulatedClock();
  const random = createRandom(`play ${scenario.name}`);
  const network = createSimulatedNetwork({ clock, random, settings: scenario.network });
  const head = createPausableNode(coordinatorNode, network, clock);
  const cutOff = new Set<string>();
  const dataset = drawDataset(scenario.samples);
  const counted: string[] = [];
  let cluster: TrainingCluster | undefined;
  const work = async (): Promise<Played> => {
    const { servers, workers, leaseMs } = scenario;
    const made: TrainingCluster = await startTrainingCluster({
      site,
      dataset,
      servers,
      workers,
      computeKind: "inline",
      bus: head.bus,
      clock,
      clockOf: (node) => (node === coordinatorNode ? head.clock : clock),
      // Ten heartbeats a lease: no server is lost to bad luck.
      settings: { leaseMs, heartbeatMs: leaseMs / 10 },
      retry: { attemptMs: 2_000 },
      wrapCompute: (compute, name) => slowCompute(compute, clock, paceOf(scenario, name)),
      wrapLinks: (links) => disturbLinks(links, { scenario, clock, cutOff }),
      onModel: async (run) => {
        counted.push(...(await miscountedBatches(made, run, scenario)));
      },
    });
    cluster = made;
    const run = await made.submit(scenario.job);
    for (const { atMs, mishap } of scenario.mishaps) {
      clock.after(atMs, () => befall(mishap, { cluster: made, network, head, cutOff, clock }));
    }
    let longestStallMs = 0;
    let status = await made.status(run);
    for (let done = 0, sinceMs = clock.now(); !hasEnded(status);) {
      if (clock.now() > limitMs) break;
      await new Promise<void>((resolve) => void clock.after(100, resolve));
      status = await made.status(run);
      if (status.batchesDone !== done) [done, sinceMs] = [status.batchesDone, clock.now()];
      longestStallMs = Math.max(longestStallMs, clock.now() - sinceMs);
    }
    const violations = [...counted, ...judge(scenario, status, made, run, dataset, site)];
    const virtualMs = clock.now();
    const parameters = status.phase === "completed" ? made.model(run).parameters : undefined;
    if (parameters?.every((value) => Number.isFinite(value)) === false) violations.push("parameters are not finite");
    await made[Symbol.asyncDispose]();
    return { violations, status, virtualMs, longestStallMs, parameters };
  };
  try {
    return await simulate(clock, work(), { maximumSteps: 3_000_000 });
  } catch (error) {
    const waits = cluster?.workers.flatMap(({ handle }) => handle.waits()) ?? [];
    const violations = [`${ShoalError.from(error).message}; ${JSON.stringify(waits)}`];
    return { violations, status: undefined, virtualMs: clock.now(), longestStallMs: 0, parameters: undefined };
  }
}

function hasEnded({ phase }: RunStatus): boolean {
  return phase === "completed" || phase === "failed" || phase === "cancelled";
}

interface Stage {
  readonly cluster: TrainingCluster;
  readonly network: ReturnType<typeof createSimulatedNetwork>;
  readonly head: ReturnType<typeof createPausableNode>;
  readonly cutOff: Set<string>;
  readonly clock: Clock;
}

function befall(mishap: Mishap, { cluster, network, head, cutOff, clock }: Stage): void {
  switch (mishap.kind) {
    case "partition":
      network.partition([mishap.worker], [coordinatorNode]);
      if (mishap.withLinks) cutOff.add(mishap.worker);
      clock.after(mishap.forMs, () => {
        network.heal(); // All at once: partitions that overlap end together.
        cutOff.clear();
      });
      return;
    case "crash":
      crash(cluster, network, mishap.worker, mishap.zombie);
      return;
    case "restart":
      crash(cluster, network, mishap.worker, false);
      clock.after(mishap.afterMs, () => {
        network.crash(mishap.worker);
        cluster.addWorker(mishap.worker);
      });
      return;
    case "leave":
      void cluster.workers.findLast(({ name }) => name === mishap.worker)?.handle.close();
      return;
    case "join":
      cluster.addWorker(mishap.worker);
      return;
    case "coordinator pause":
      head.pause();
      clock.after(mishap.forMs, () => head.resume());
  }
}

function crash(cluster: TrainingCluster, network: Stage["network"], worker: string, isZombie: boolean): void {
  network.crash(worker);
  if (!isZombie) void cluster.workers.findLast(({ name }) => name === worker)?.kill();
}

function paceOf({ msPerSample }: TrainingScenario, worker: string): number {
  return msPerSample[Number(worker.replace("worker-", "")) % msPerSample.length] ?? 0;
}

interface LinkTrouble {
  readonly scenario: TrainingScenario;
  readonly clock: Clock;
  readonly cutOff: ReadonlySet<string>;
}

/** Exchanges take time; some are lost on the way, and all of a worker that is cut off. */
function disturbLinks(links: LinkFactory, { scenario, clock, cutOff }: LinkTrouble): LinkFactory {
  const random = createRandom(`links ${scenario.name}`);
  const after = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const silence = async ({ deadlineMs }: CallOptions): Promise<never> => {
    await after(deadlineMs);
    throw new ShoalError("deadline_exceeded", "lost on the way");
  };
  return {
    connect(endpoint, identity): ParameterLink {
      const link = links.connect(endpoint, identity);
      const way = async <R>(options: CallOptions, call: () => Promise<R>): Promise<R> => {
        const isLost = (): boolean => cutOff.has(identity.name) || random.uniform() < scenario.linkLoss;
        await after(random.uniform() * scenario.linkMs);
        if (isLost()) return silence(options);
        const reply = await call();
        return isLost() ? silence(options) : reply;
      };
      return {
        initialize: (request, options) => way(options, () => link.initialize(request, options)),
        push: (request, options) => way(options, () => link.push(request, options)),
        pull: (request, options) => way(options, () => link.pull(request, options)),
        pushPull: (push, pull, options) => way(options, () => link.pushPull(push, pull, options)),
        close: () => link.close(),
      };
    },
  };
}

function drawDataset(count: number): Dataset {
  const { features, classes } = scenarioShape;
  const random = createRandom("soak data");
  const split = (samples: number): Dataset["train"] => {
    const labels = Int32Array.from({ length: samples }, (_, index) => index % classes);
    const values = Float32Array.from({ length: samples * features }, (_, index) => {
      const label = labels[Math.floor(index / features)] ?? 0;
      return random.uniform() - 0.5 + (index % classes === label ? 1 : 0);
    });
    return {
      count: samples,
      inputs: { input: { kind: "dense", width: features, values, scale: 1, shift: 0 } },
      targets: { output: { kind: "labels", classes, values: labels } },
    };
  };
  return { name: "soak", source: "drawn", train: split(count), test: split(30) };
}

/** Looked at before the shards are released. */
async function miscountedBatches(cluster: TrainingCluster, run: string, scenario: TrainingScenario): Promise<string[]> {
  const wrong: string[] = [];
  for (const server of cluster.servers) {
    const shards = await describeIfHosted(server, run);
    for (const { shard, version, batchesApplied } of shards) {
      // An iteration of adaptive batches is several of them.
      const isSeveral = batchParts(scenario.job).parts > 1 && version <= batchesApplied;
      if (!isSeveral && version !== versionOf(scenario, batchesApplied))
        wrong.push(`shard ${shard}: version ${version}, ${batchesApplied} batches`);
    }
    if (scenario.job.stop.patience === null) {
      const batches = new Set(shards.map(({ batchesApplied }) => batchesApplied));
      const total = (await cluster.status(run)).totalBatches;
      if ([...batches].some((count) => count !== total)) wrong.push(`${[...batches].join(", ")} of ${total} batches`);
    }
  }
  return wrong;
}

/** Updates that so many batches make. */
function versionOf({ job, slots }: TrainingScenario, batches: number): number {
  const { consistency } = job;
  if (consistency.mode === "synchronous") return batches / slots;
  return Math.floor(batches / (consistency.mode === "asynchronous" ? (consistency.buffer ?? 1) : 1));
}

/** A server without shards of the run does not know it. */
async function describeIfHosted(
  { host }: TrainingCluster["servers"][number],
  run: string,
): Promise<readonly ShardSummary[]> {
  try {
    return await host.describe(run);
  } catch (error) {
    if (isShoalError(error, "run_not_found")) return [];
    throw error;
  }
}

function judge(
  scenario: TrainingScenario,
  status: RunStatus,
  cluster: TrainingCluster,
  run: string,
  dataset: Dataset,
  site: TrainingSite,
): string[] {
  const failures = cluster.failures.map((failure) => `an actor failed: ${JSON.stringify(failure)}`);
  // It may wait for ten minutes for workers that have died before it could begin.
  if (status.phase === "queued") return failures;
  if (status.phase !== "completed") {
    const waits = cluster.workers.flatMap(({ handle }) => handle.waits());
    return [...failures, `${status.phase} at batch ${status.batchesDone}: ${status.reason}; ${JSON.stringify(waits)}`];
  }
  const { job, slots, samples } = scenario;
  const stoppedEarly = job.stop.patience !== null && status.batchesDone < status.totalBatches;
  if (!stoppedEarly) {
    if (status.batchesDone !== status.totalBatches)
      failures.push(`${status.batchesDone} of ${status.totalBatches} batches`);
    if (status.samples !== samples * job.epochs) failures.push(`${status.samples} samples of ${samples * job.epochs}`);
  }
  if (scenario.kind !== "synchronous" && scenario.kind !== "hand-off") return failures;
  const steps = status.totalSteps / job.epochs;
  const last = stoppedEarly ? (status.evaluations.at(-1)?.step ?? 0) : status.totalSteps;
  const plain = trainPlainly({ ...job, epochs: last / steps }, slots, dataset, site.kernels, site.memory);
  const { parameters } = cluster.model(run);
  const isEqual = parameters.every((value, index) => Object.is(value, plain.parameters[index]));
  return isEqual ? failures : [...failures, `other bits than the plain loop after ${last} steps`];
}
