/** Evaluations of a run, and when they end it. */
import { counted } from "@shoal/errors";
import type { Evaluation, StopMetric, StopSpec } from "@shoal/protocol";
import type { Holder } from "../leases/ledger.ts";

export interface EvaluationLog {
  /** Newest last, bounded. */
  readonly list: readonly Evaluation[];
  readonly bestLoss: number | null;
  /** Evaluations since the best loss was seen. */
  readonly sinceBest: number;
  /** Bounded and asynchronous mode: how many intervals of batches have been evaluated. */
  readonly intervalsEvaluated: number;
  /** Who was told to evaluate and has not reported yet. */
  readonly evaluator: (Holder & { readonly intervals: number }) | null;
}

export const emptyEvaluationLog: EvaluationLog = {
  list: [],
  bestLoss: null,
  sinceBest: 0,
  intervalsEvaluated: 0,
  evaluator: null,
};

/** Whether a run stops after its newest evaluation, and why. */
export interface StopDecision {
  readonly kind: "go_on" | "stop";
  readonly reason: string;
}

/** A status with all evaluations must fit one message: so many bytes of metrics are kept, names included. */
const keptMetricBytes = 48 * 1024;
const numberBytes = 9;

/** Adds an evaluation. @param bound evaluations kept, fewer with many metrics; the best loss outlives them */
export function addEvaluation(log: EvaluationLog, evaluation: Evaluation, bound: number): EvaluationLog {
  const better = log.bestLoss === null || evaluation.loss < log.bestLoss;
  const metricBytes = Object.keys(evaluation.metrics).reduce((sum, name) => sum + name.length + numberBytes, 1);
  const kept = Math.min(bound, Math.floor(keptMetricBytes / metricBytes));
  return {
    ...log,
    list: [...log.list, evaluation].slice(-kept),
    bestLoss: better ? evaluation.loss : log.bestLoss,
    sinceBest: better ? 0 : log.sinceBest + 1,
  };
}

export function decideStop(stop: StopSpec, log: EvaluationLog): StopDecision {
  const newest = log.list.at(-1);
  if (newest === undefined) return { kind: "go_on", reason: "nothing has been evaluated" };
  const { accuracy, step } = newest;
  if (stop.accuracy !== null && accuracy >= stop.accuracy) {
    return { kind: "stop", reason: `test accuracy ${accuracy} reached ${stop.accuracy} at step ${step}` };
  }
  if (stop.metric !== null && hasReached(stop.metric, newest)) {
    const { name, atLeast, atMost } = stop.metric;
    return {
      kind: "stop",
      reason: `test ${name} ${newest.metrics[name]} reached ${atLeast ?? atMost} at step ${step}`,
    };
  }
  if (stop.patience !== null && log.sinceBest >= stop.patience) {
    const reason = `no better test loss than ${log.bestLoss} for ${counted(log.sinceBest, "evaluation")}, at step ${step}`;
    return { kind: "stop", reason };
  }
  return { kind: "go_on", reason: `test accuracy ${accuracy} at step ${step}` };
}

/** A metric that is not defined on the test split reaches nothing. */
function hasReached({ name, atLeast, atMost }: StopMetric, { metrics }: Evaluation): boolean {
  const value = metrics[name];
  if (value === undefined) return false;
  return atLeast === undefined ? value <= atMost : value >= atLeast;
}

/** Completed intervals of `interval` batches. */
function intervalsOf(doneBatches: number, interval: number): number {
  return Math.floor(doneBatches / interval);
}

/** Whether the next lease for `holder` should begin with an evaluation (bounded and asynchronous mode). */
export function evaluationDue(log: EvaluationLog, holder: Holder, doneBatches: number, interval: number): boolean {
  if (log.evaluator !== null) {
    // It asks for more without having reported: it never heard that it should evaluate.
    return log.evaluator.member === holder.member && log.evaluator.incarnation === holder.incarnation;
  }
  return intervalsOf(doneBatches, interval) > log.intervalsEvaluated;
}

export function entrust(log: EvaluationLog, holder: Holder, doneBatches: number, interval: number): EvaluationLog {
  const { member, incarnation } = holder;
  return { ...log, evaluator: { member, incarnation, intervals: intervalsOf(doneBatches, interval) } };
}

/** Takes the evaluation back from a member that is gone, or notes that it has reported. */
export function relieve(log: EvaluationLog, holder: Holder, reported: boolean): EvaluationLog {
  const { evaluator } = log;
  if (evaluator?.member !== holder.member || evaluator.incarnation !== holder.incarnation) return log;
  const intervalsEvaluated = reported ? evaluator.intervals : log.intervalsEvaluated;
  return { ...log, evaluator: null, intervalsEvaluated };
}
