/** Takes the progress reports of workers into the ledger and the figures. */
import { batchParts, synchronousSteps, type BatchRange, type ReportProgress } from "@shoal/protocol";
import { countOf, type IntervalSet } from "../leases/interval-set.ts";
import { complete } from "../leases/ledger.ts";
import { smoothSpeed } from "../leases/lease-size.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { noteLoss } from "../guard/watch-run.ts";
import { addReport, addToWindow } from "./figures.ts";
import { addTraffic } from "./traffic.ts";
import { noteStandIns } from "./slot-moves/workers-answers.ts";
import { noteUnsent } from "./unsent.ts";
import { addWork, msPerSample, rankWorkers, stragglersOf } from "./stragglers.ts";
import { hasEnded, hasSlots, isSynchronous, takesPart, withWorker, type RunState } from "./run-state.ts";

/** Whether the report is answered; one that comes before the plan is known is not, and is repeated. */
export function canRecord(run: RunState): boolean {
  return run.ledger !== null || hasEnded(run);
}

/**
 * Records a report. Batches count whoever reports them, also a member that was given up: all shards have them. Figures
 * count once for each report of a member that takes part.
 */
export function progressReported(
  run: RunState,
  report: ReportProgress,
  now: number,
  settings: CoordinatorSettings,
): RunState {
  if (run.ledger === null || hasEnded(run)) return run;
  const { ledger, added } = complete(run.ledger, [...report.completed, ...impliedByClock(run, report)]);
  const samples = samplesIn(run, added);
  const worker = takesPart(run, report);
  const fresh = worker !== undefined && report.report > worker.lastReport;
  let figures = addToWindow(run.figures, samples, fresh ? report.figures : null, now, settings.windowMs);
  let next: RunState = { ...run, ledger, samplesDone: run.samplesDone + samples };
  if (added.length > 0) next = { ...next, progressAtMs: now };
  if (fresh) {
    const traffic = addTraffic(run.traffic, report.figures.traffic, now, settings.windowMs);
    next = noteStandIns(next, worker, report.figures.stoodIn ?? []);
    next = { ...next, traffic: { ...traffic, unsent: noteUnsent(traffic.unsent, worker, report.figures) } };
    const batches = report.completed.reduce((sum, range) => sum + Math.max(0, range.end - range.begin), 0);
    figures = addReport(figures, worker, report.figures, batches, isSynchronous(run));
    const busyMs = report.figures.computeMs + report.figures.waitMs;
    const batchesPerMs = smoothSpeed(worker.batchesPerMs, batches, busyMs);
    const samplesPerMs = smoothSpeed(worker.samplesPerMs, report.figures.samples, report.figures.computeMs);
    const { samples: computed, computeMs } = report.figures;
    // Parts of a batch are counted as the iterations that they make.
    const steps = Math.max(Math.round(batches / (worker.perIteration ?? batchParts(run.job).parts)), 1);
    const recent = addWork(worker.recent, { steps, samples: computed, computeMs });
    next = rank(withWorker(next, { ...worker, lastReport: report.report, batchesPerMs, samplesPerMs, recent }));
  }
  return fresh ? noteLoss({ ...next, figures }, report.figures) : { ...next, figures };
}

/** Puts those who take part in order of their speed, and names the stragglers among them. */
function rank(run: RunState): RunState {
  const times = new Map<number, number>();
  for (const worker of run.workers.values()) {
    const time = takesPart(run, worker) === undefined ? null : msPerSample(worker.recent);
    if (time !== null) times.set(worker.member, time);
  }
  return { ...run, paces: rankWorkers(times, stragglersOf(run)) };
}

/**
 * Synchronous mode: nobody is given the values of step c before all shards have applied the steps before it. So a
 * batch of step c, or clock c, stands for all batches of the steps before: also for those whose worker died between
 * the acknowledgement and its report.
 */
function impliedByClock(run: RunState, report: ReportProgress): readonly BatchRange[] {
  if (!hasSlots(run)) return [];
  const steps = report.completed.map((range) => Math.floor((range.end - 1) / run.slots));
  const clock = Math.max(report.figures.clock, ...steps);
  return [{ begin: 0, end: Math.min(clock, synchronousSteps(run.job.consistency)) * run.slots }];
}

export function samplesIn(run: RunState, added: IntervalSet): number {
  const { plan } = run;
  if (plan === null || countOf(added) === 0) return 0;
  let samples = 0;
  for (const range of added) {
    for (let number = range.begin; number < range.end; number += 1) {
      const batch = plan.batch(number);
      samples += batch.end - batch.begin;
    }
  }
  return samples;
}
