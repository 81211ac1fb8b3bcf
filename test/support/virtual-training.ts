/** A training on a whole cluster in virtual time, while a test does things to the cluster. */
import { createInProcessBus, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import type { CoordinatorSettings } from "@shoal/coordinator";
import type { Dataset } from "@shoal/models";
import type { JobSpec, LinkFactory, RunStatus, SnapshotStore } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { slowCompute } from "./slow-compute.ts";
import { delayedLinks } from "./slow-links.ts";
import { startTrainingCluster, type TrainingCluster, type TrainingSite } from "./training-cluster.ts";

export interface VirtualTraining {
  readonly site: TrainingSite;
  readonly dataset: Dataset;
  readonly job: JobSpec;
  readonly workers: number;
  readonly servers: number;
  readonly settings?: Partial<CoordinatorSettings>;
  readonly snapshots?: SnapshotStore;
  /** What one exchange takes, ms of virtual time: 5. Training lasts, and there is a middle to disturb it in. */
  readonly exchangeMs?: number;
  /** What computing one sample takes, ms of virtual time: 0. */
  readonly sampleMs?: number;
  /** How often the status is looked at, ms of virtual time: 20. */
  readonly lookMs?: number;
  /** Puts something between the workers and their links. */
  readonly wrapLinks?: (links: LinkFactory) => LinkFactory;
  /** Puts something between a worker and its computing. */
  readonly wrapCompute?: (compute: ComputePort, worker: string, clock: Clock) => ComputePort;
  /** Begins when a tenth is done. */
  readonly disturb: Disturb;
}

export type Disturb = (
  cluster: TrainingCluster,
  after: (ms: number) => Promise<void>,
  run: string,
  clock: Clock,
) => Promise<void>;

export interface VirtuallyTrained {
  readonly status: RunStatus;
  readonly parameters: Float32Array;
  /** Longest time without a finished batch while the run trained, ms. */
  readonly longestPauseMs: number;
  /** Gradients that were computed. */
  readonly gradients: number;
  /** Every status that was seen. */
  readonly seen: readonly RunStatus[];
}

/** @throws Error when the run fails, or is not over after so many steps of the simulation that it hangs */
export function trainVirtually(training: VirtualTraining): Promise<VirtuallyTrained> {
  const clock = createSimulatedClock();
  return simulate(clock, train(training, clock), { maximumSteps: 6_000_000 });
}

async function train(training: VirtualTraining, clock: Clock): Promise<VirtuallyTrained> {
  const { site, dataset, servers, workers, settings, snapshots, exchangeMs = 5, sampleMs = 0, lookMs = 20 } = training;
  const after = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const computed = { gradients: 0 };
  const cluster = await startTrainingCluster({
    ...{ site, dataset, servers, workers, computeKind: "inline", bus: createInProcessBus(), clock },
    settings: { balanceMs: 200, ...settings },
    ...(snapshots !== undefined && { snapshots }),
    wrapLinks: (links) => delayedLinks(training.wrapLinks?.(links) ?? links, clock, exchangeMs),
    wrapCompute(compute, worker) {
      const counted = countCompute(slowCompute(compute, clock, sampleMs), computed);
      return training.wrapCompute?.(counted, worker, clock) ?? counted;
    },
  });
  const run = await cluster.submit(training.job);
  const seen: RunStatus[] = [];
  let disturbed: Promise<void> | undefined;
  let longestPauseMs = 0;
  for (let done = 0, sinceMs = clock.now(); ;) {
    await after(lookMs);
    const status = await cluster.status(run).catch(() => undefined);
    if (status === undefined) continue;
    seen.push(status);
    if (["completed", "failed", "cancelled"].includes(status.phase)) break;
    if (status.batchesDone > status.totalBatches / 10) disturbed ??= training.disturb(cluster, after, run, clock);
    if (status.batchesDone !== done) [done, sinceMs] = [status.batchesDone, clock.now()];
    if (status.phase === "training" && done > 0) longestPauseMs = Math.max(longestPauseMs, clock.now() - sinceMs);
  }
  await disturbed;
  const status = await cluster.status(run);
  if (status.phase !== "completed") throw new Error(`run ${run} is ${status.phase}: ${status.reason}`);
  const { parameters } = cluster.model(run);
  await cluster[Symbol.asyncDispose]();
  return { status, parameters, longestPauseMs, seen, ...computed };
}

function countCompute(compute: ComputePort, computed: { gradients: number }): ComputePort {
  return {
    ...compute,
    gradient(task, overlap) {
      computed.gradients += 1;
      return compute.gradient(task, overlap);
    },
  };
}
