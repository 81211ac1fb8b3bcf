/** What the workers of a run measured, added up in bounded space. */
import type { ProgressFigures, WorkerProgress } from "@shoal/protocol";

/** Work finished within one bin of time. */
interface WindowBin {
  readonly atMs: number;
  readonly samples: number;
  readonly lossSum: number;
  readonly lossSamples: number;
}

/** What a worker has done, over all of its lives. */
export interface WorkerFigures extends Omit<WorkerProgress, "timesMedian" | "straggler" | "gone"> {
  /** Of its newest report, with the clock. */
  readonly incarnation: number;
  /** Iterations of the lives before, where a new one counts from 0. */
  readonly clockBefore: number;
}

export interface RunFigures {
  readonly workers: ReadonlyMap<number, WorkerFigures>;
  readonly stalenessSum: number;
  readonly stalenessMax: number;
  readonly pushes: number;
  /** Newest last; at most the window's length divided by {@link binMs}, plus one. */
  readonly window: readonly WindowBin[];
  /** Mean over the window when it last had a loss. */
  readonly loss: number | null;
}

/** Reports within this many milliseconds are added into one bin. */
export const binMs = 100;

export const noFigures: RunFigures = {
  workers: new Map(),
  stalenessSum: 0,
  stalenessMax: 0,
  pushes: 0,
  window: [],
  loss: null,
};

/** Adds newly finished samples and a report's loss to the window. */
export function addToWindow(
  figures: RunFigures,
  finishedSamples: number,
  report: Pick<ProgressFigures, "loss" | "samples"> | null,
  now: number,
  windowMs: number,
): RunFigures {
  const bins = figures.window.filter((bin) => bin.atMs > now - windowMs);
  const lossSamples = report === null || report.loss === null ? 0 : report.samples;
  const added = { samples: finishedSamples, lossSum: (report?.loss ?? 0) * lossSamples, lossSamples };
  const last = bins.at(-1);
  if (last !== undefined && now - last.atMs < binMs) {
    bins[bins.length - 1] = {
      atMs: last.atMs,
      samples: last.samples + added.samples,
      lossSum: last.lossSum + added.lossSum,
      lossSamples: last.lossSamples + added.lossSamples,
    };
  } else {
    bins.push({ atMs: now, ...added });
  }
  const weight = bins.reduce((sum, bin) => sum + bin.lossSamples, 0);
  const loss = weight === 0 ? figures.loss : bins.reduce((sum, bin) => sum + bin.lossSum, 0) / weight;
  return { ...figures, window: bins, loss };
}

/**
 * Adds one report of a worker; `batches` are those it named.
 * @param countsSteps clocks are steps of the run, which go on with another life; else each life counts its own iterations
 */
export function addReport(
  figures: RunFigures,
  worker: { readonly member: number; readonly incarnation: number; readonly name: string },
  report: ProgressFigures,
  batches: number,
  countsSteps: boolean,
): RunFigures {
  const before = figures.workers.get(worker.member);
  const isNewLife = before !== undefined && before.incarnation !== worker.incarnation;
  const former = before?.clockBefore ?? 0;
  const progress: WorkerFigures = {
    member: worker.member,
    name: worker.name,
    incarnation: worker.incarnation,
    clock: report.clock,
    clockBefore: isNewLife && !countsSteps ? former + before.clock : former,
    batches: (before?.batches ?? 0) + batches,
    samples: (before?.samples ?? 0) + report.samples,
    computeMs: (before?.computeMs ?? 0) + report.computeMs,
    waitMs: (before?.waitMs ?? 0) + report.waitMs,
  };
  return {
    ...figures,
    workers: new Map(figures.workers).set(worker.member, progress),
    stalenessSum: figures.stalenessSum + report.stalenessSum,
    stalenessMax: Math.max(figures.stalenessMax, report.stalenessMax),
    pushes: figures.pushes + report.pushes,
  };
}

/**
 * Samples finished in a second: over the window while training, over everything once `ended`.
 * @param sinceMs when training began
 */
export function samplesPerSecond(
  figures: RunFigures,
  totalSamples: number,
  sinceMs: number,
  endedAtMs: number | null,
  now: number,
  windowMs: number,
): number {
  if (endedAtMs !== null) return endedAtMs > sinceMs ? (1000 * totalSamples) / (endedAtMs - sinceMs) : 0;
  const from = Math.max(sinceMs, now - windowMs);
  const samples = figures.window.reduce((sum, bin) => sum + (bin.atMs > from ? bin.samples : 0), 0);
  return now > from ? (1000 * samples) / (now - from) : 0;
}
