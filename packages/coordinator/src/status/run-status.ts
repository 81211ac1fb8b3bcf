/** What people are told of a run. */
import type { RunStatus, WorkerProgress } from "@shoal/protocol";
import { unflat } from "../journal/run-records.ts";
import { countOf } from "../leases/interval-set.ts";
import { samplesPerSecond, type WorkerFigures } from "../runs/figures.ts";
import { trafficStatus } from "../runs/traffic.ts";
import { reasonOf } from "../runs/reason.ts";
import { isSynchronous, isUnderWay, takesPart, type RunState } from "../runs/run-state.ts";
import { pointOf } from "../snapshots/restart-run.ts";
import { serverLoads } from "./server-loads.ts";
import type { CoordinatorSettings } from "../settings.ts";

/** Workers listed in a status, the slowest: keeps it below the limit of a message. */
const maximumWorkersListed = 512;

export function runStatus(run: RunState, now: number, settings: CoordinatorSettings): RunStatus {
  const { figures, plan, ledger, trainingAtMs, endedAtMs } = run;
  const batchesDone = ledger?.doneCount ?? 0;
  const since = trainingAtMs ?? now;
  return {
    run: run.run,
    name: run.job.name,
    ...(run.job.federated !== null && { federated: true }),
    phase: run.phase,
    reason: reasonOf(run, now).slice(0, 4096),
    elapsedMs: trainingAtMs === null ? 0 : Math.max(0, (endedAtMs ?? now) - trainingAtMs),
    batchesDone,
    totalBatches: plan?.totalBatches ?? 0,
    step: isSynchronous(run) && run.slots > 0 ? Math.floor(batchesDone / run.slots) : batchesDone,
    totalSteps: plan?.totalSteps ?? 0,
    samples: run.samplesDone,
    samplesPerSecond: samplesPerSecond(figures, samplesOfAttempt(run), since, endedAtMs, now, settings.windowMs),
    loss: figures.loss,
    stalenessMean: figures.pushes === 0 ? 0 : figures.stalenessSum / figures.pushes,
    stalenessMax: figures.stalenessMax,
    dataSource: run.dataSource,
    traffic: trafficStatus(
      ...([run.traffic, since, endedAtMs, now, settings.windowMs] as const),
      (life) => takesPart(run, life) !== undefined,
    ),
    snapshots: snapshotStatus(run),
    workers: withPaces(run).slice(0, maximumWorkersListed),
    servers: serverLoads(run),
    evaluations: run.evaluations.list,
    result: run.result,
    error: run.error,
  };
}

/** Without those that a snapshot brought: batches are of one size, but for the last of an epoch. */
function samplesOfAttempt(run: RunState): number {
  const brought = countOf(unflat(pointOf(run)?.done ?? []));
  return brought === 0 ? run.samplesDone : run.samplesDone * (1 - brought / (run.ledger?.doneCount ?? brought));
}

function snapshotStatus({ job, snapshots }: RunState): RunStatus["snapshots"] {
  const { newest, failure } = snapshots;
  if (job.durability.snapshots === null && newest === null && failure === null) return null;
  return { newest, failure: failure === null ? null : failure.slice(0, 4096) };
}

/** What a worker has done; one that takes no part now says so. */
function progressOf(run: RunState, figures: WorkerFigures): WorkerProgress {
  const { incarnation, clockBefore, ...progress } = figures;
  const { member, clock } = progress;
  const isGone = isUnderWay(run) && takesPart(run, run.workers.get(member) ?? { member, incarnation }) === undefined;
  return { ...progress, clock: clock + clockBefore, ...(isGone && { gone: true }) };
}

/** The slowest first; those of whom no speed is known after them, by member. */
function withPaces(run: RunState): readonly WorkerProgress[] {
  const { figures, paces } = run;
  const ranks = new Map(paces.map((pace, rank) => [pace.member, { ...pace, rank }]));
  const rankOf = (member: number): number => ranks.get(member)?.rank ?? ranks.size;
  return [...figures.workers.values()]
    .toSorted((a, b) => rankOf(a.member) - rankOf(b.member) || a.member - b.member)
    .map((worker) => {
      const pace = ranks.get(worker.member);
      const progress = progressOf(run, worker);
      if (pace === undefined) return progress;
      const { timesMedian, straggler } = pace;
      return { ...progress, timesMedian, ...(straggler && { straggler }) };
    });
}
