/** Trains over one slow line in virtual time: real gradients, real shards, and only the line and the computing take time. */
import { createInProcessBus, createSimulatedClock, simulate, type Clock } from "@shoal/actors";
import type { Dataset } from "@shoal/models";
import type { JobSpec, Traffic } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { hundredMegabits, overLine } from "./line-links.ts";
import { startTrainingCluster, type TrainingSite } from "./training-cluster.ts";

export interface LineScene {
  readonly site: TrainingSite;
  readonly dataset: Dataset;
  readonly workers: number;
  readonly job: JobSpec;
  /** Virtual time that computing one sample takes, ms. */
  readonly msPerSample: number;
}

export interface LineOutcome {
  readonly virtualMs: number;
  readonly accuracy: number;
  readonly traffic: Traffic;
}

const latencyMs = 0.2;

export async function trainOverLine({ site, dataset, workers, job, msPerSample }: LineScene): Promise<LineOutcome> {
  const clock = createSimulatedClock();
  const work = async (): Promise<LineOutcome> => {
    const cluster = await startTrainingCluster({
      ...{ site, dataset, servers: 1, workers, clock, computeKind: "inline", bus: createInProcessBus() },
      wrapLinks: (links) => overLine(links, { clock, latencyMs, bytesPerSecond: hundredMegabits }),
      wrapCompute: (compute) => takingTime(compute, msPerSample, clock),
    });
    const run = await cluster.submit(job);
    const status = await cluster.ended(run, Number.POSITIVE_INFINITY);
    await cluster[Symbol.asyncDispose]();
    const { result, traffic } = status;
    if (result === null || traffic === null) throw new Error(`${run} is ${status.phase}: ${status.reason}`);
    return { virtualMs: status.elapsedMs, accuracy: result.accuracy, traffic: traffic.total };
  };
  return simulate(clock, work(), { maximumSteps: 50_000_000 });
}

function takingTime(compute: ComputePort, msPerSample: number, clock: Clock): ComputePort {
  return {
    ...compute,
    async gradient(work) {
      const done = await compute.gradient(work);
      await new Promise<void>((resolve) => void clock.after(msPerSample * done.samples, resolve));
      return { ...done, endedAtMs: clock.now() };
    },
  };
}
