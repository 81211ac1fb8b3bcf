/** Trains in virtual time with workers whose computing takes time for each sample: what stragglers cost can be measured. */
import { createInProcessBus, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import type { Dataset } from "@shoal/models";
import type { JobSpec, RunStatus, ShardSummary, SnapshotStore } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { delayedLinks } from "./slow-links.ts";
import { startTrainingCluster, type TrainingSite } from "./training-cluster.ts";

export interface TimedScene {
  readonly site: TrainingSite;
  readonly dataset: Dataset;
  readonly workers: number;
  readonly servers?: number;
  /** Virtual time that a worker takes for one sample, ms. @param worker 1, 2, … */
  readonly msPerSample: (worker: number) => number;
  /** Virtual time of each exchange: 1 ms. */
  readonly linkMs?: number;
  readonly job: JobSpec;
  readonly snapshots?: SnapshotStore;
  /** Shown the run each 50 ms of virtual time. @param gradients that each worker has computed */
  readonly observe?: (status: RunStatus, gradients: ReadonlyMap<string, number>) => void;
  /** Virtual time after which the run is cut short and looked at; default: its end. */
  readonly untilMs?: number;
}

export interface TimedOutcome {
  readonly status: RunStatus;
  /** As they were just before the run's end, or when it was cut short. */
  readonly shards: readonly ShardSummary[];
  /** Of the model that it wrote; empty without one. */
  readonly parameters: Float32Array;
  /** Of training, ms. */
  readonly virtualMs: number;
  /** Samples whose gradients were computed, by worker. */
  readonly computed: ReadonlyMap<string, number>;
}

export async function trainInVirtualTime(scene: TimedScene): Promise<TimedOutcome> {
  const { site, dataset, workers, servers = 1, job, linkMs = 1 } = scene;
  const clock = createSimulatedClock();
  const computed = new Map<string, number>();
  const gradients = new Map<string, number>();
  const work = async (): Promise<TimedOutcome> => {
    let shards: readonly ShardSummary[] = [];
    const cluster = await startTrainingCluster({
      ...{ site, dataset, servers, workers, clock, computeKind: "inline", bus: createInProcessBus() },
      ...(scene.snapshots !== undefined && { snapshots: scene.snapshots }),
      wrapLinks: (links) => delayedLinks(links, clock, linkMs),
      wrapCompute: (compute, name) => slowCompute(compute, name, { scene, clock, computed, gradients }),
      onModel: async (run) => {
        shards = await describe(run);
      },
    });
    const describe = async (run: string): Promise<readonly ShardSummary[]> =>
      (await Promise.all(cluster.servers.map(({ host }) => host.describe(run)))).flat();
    const run = await cluster.submit(job);
    let status = await cluster.status(run);
    for (; !["completed", "failed", "cancelled"].includes(status.phase); status = await cluster.status(run)) {
      scene.observe?.(status, gradients);
      if (status.elapsedMs >= (scene.untilMs ?? Number.POSITIVE_INFINITY)) break;
      await new Promise<void>((resolve) => void clock.after(50, resolve));
    }
    if (status.phase === "training") shards = await describe(run);
    const parameters = status.phase === "completed" ? cluster.model(run).parameters : new Float32Array();
    await cluster[Symbol.asyncDispose]();
    return { status, shards, parameters, virtualMs: status.elapsedMs, computed };
  };
  return simulate(clock, work(), { maximumSteps: 20_000_000 });
}

interface Pace {
  readonly scene: TimedScene;
  readonly clock: Clock;
  readonly computed: Map<string, number>;
  readonly gradients: Map<string, number>;
}

function slowCompute(compute: ComputePort, name: string, { scene, clock, computed, gradients }: Pace): ComputePort {
  const msPerSample = scene.msPerSample(Number(name.replace("worker-", "")));
  return {
    ...compute,
    async gradient(task) {
      const done = await compute.gradient(task);
      const ms = msPerSample * done.samples;
      computed.set(name, (computed.get(name) ?? 0) + done.samples);
      await new Promise<void>((resolve) => void clock.after(ms, resolve));
      gradients.set(name, (gradients.get(name) ?? 0) + 1);
      return { ...done, endedAtMs: done.startedAtMs + ms };
    },
  };
}
