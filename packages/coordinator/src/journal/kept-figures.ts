/**
 * What of a run's figures the next coordinator goes on with: loss curve of the guard, traffic, staleness, what each worker
 * has done. They are written once in `keepEveryMs`, not with every report; a take-over forgets what came since. Rates over
 * the last seconds begin anew.
 */
import type { ClusterState } from "../cluster-state.ts";
import type { LossHistory } from "../guard/loss-history.ts";
import type { RunFigures, WorkerFigures } from "../runs/figures.ts";
import { hasEnded, isUnderWay, type RunState } from "../runs/run-state.ts";
import type { RunTraffic } from "../runs/traffic.ts";
import type { Stamped } from "./records.ts";

export const figuresPrefix = "figures/";

/** 1,000. */
const keepEveryMs = 1000;
/** Of so many workers, the newest members: below half of a value's limit. */
const maximumWorkers = 512;

/** What a record is made of, as it was at one moment. */
export interface KeptFigures {
  readonly atMs: number;
  readonly figures: Omit<RunFigures, "window">;
  readonly traffic: Omit<RunTraffic, "window">;
  readonly losses: LossHistory;
}

export interface FiguresRecord extends Stamped {
  readonly workers: readonly WorkerFigures[];
  readonly sums: Pick<RunFigures, "stalenessSum" | "stalenessMax" | "pushes" | "loss">;
  readonly total: RunTraffic["total"];
  readonly unsent: { readonly workers: readonly (readonly [number, number, number])[] } & Pick<
    RunTraffic["unsent"],
    "lost"
  >;
  /** first, width, then begin, end, loss sum, samples of each bin. */
  readonly losses: readonly (number | null)[];
}

/** Takes the figures that are to be written, when that is due, and the last ones of a run that has ended. */
export function keepFigures(run: RunState, now: number): RunState {
  const { figures, traffic, kept } = run;
  const { losses } = run.guard;
  if (!isUnderWay(run) && !hasEnded(run)) return run;
  if (kept !== null && isUnderWay(run) && now - kept.atMs < keepEveryMs) return run;
  const isSame =
    kept?.figures.workers === figures.workers && kept.traffic.total === traffic.total && kept.losses === losses;
  return isSame || figures.workers.size === 0 ? run : { ...run, kept: { atMs: now, figures, traffic, losses } };
}

export function figuresRecord({ term }: ClusterState, { figures, traffic, losses }: KeptFigures): FiguresRecord {
  const { stalenessSum, stalenessMax, pushes, loss } = figures;
  const { total, unsent } = traffic;
  const left = [...unsent.workers].map(([member, { incarnation, norm }]) => [member, incarnation, norm] as const);
  return {
    ...{ format: 1, term, total },
    workers: [...figures.workers.values()].slice(-maximumWorkers),
    sums: { stalenessSum, stalenessMax, pushes, loss },
    unsent: { workers: left.slice(-maximumWorkers), lost: unsent.lost },
    losses: [
      ...[losses.first, losses.width],
      ...losses.bins.flatMap(({ begin, end, lossSum, samples }) => [begin, end, lossSum, samples]),
    ],
  };
}

/** @throws TypeError - the record is another one */
export function readFigures(run: RunState, record: FiguresRecord | undefined): RunState {
  if (record === undefined) return run;
  const { workers, sums, total, unsent } = record;
  const [first = null, width, ...bins] = record.losses;
  const numbers = bins.map(Number);
  const losses: LossHistory = {
    ...{ first, width: width ?? run.guard.losses.width },
    bins: Array.from({ length: Math.floor(numbers.length / 4) }, (_, index) => {
      const [begin = 0, end = 0, lossSum = 0, samples = 0] = numbers.slice(4 * index, 4 * index + 4);
      return { begin, end, lossSum, samples };
    }),
  };
  const left = new Map(unsent.workers.map(([member, incarnation, norm]) => [member, { incarnation, norm }]));
  return {
    ...run,
    figures: { ...run.figures, ...sums, workers: new Map(workers.map((worker) => [worker.member, worker])) },
    traffic: { ...run.traffic, total, unsent: { workers: left, lost: unsent.lost } },
    guard: { ...run.guard, losses },
  };
}
