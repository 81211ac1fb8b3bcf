/** Takes the evaluations of workers and tells them whether to go on. */
import type { Evaluation, EvaluationReply, ReportEvaluation } from "@shoal/protocol";
import type { CoordinatorSettings } from "../settings.ts";
import { addEvaluation, decideStop, relieve, type StopDecision } from "./evaluation-log.ts";
import { hasEnded, isSynchronous, takesPart, type RunState } from "./run-state.ts";
import { reasonOf } from "./reason.ts";

export interface EvaluationStep {
  readonly run: RunState;
  /** Undefined: not answered, the worker repeats. */
  readonly reply: EvaluationReply | undefined;
}

/**
 * Records an evaluation. In synchronous mode a step has one result whoever measures it, so the second of a step (from
 * the worker that took over) is a repetition; elsewhere one from the same worker is.
 */
export function evaluationReported(
  run: RunState,
  report: ReportEvaluation,
  now: number,
  settings: CoordinatorSettings,
): EvaluationStep {
  const answer = (next: RunState, proceed: boolean, reason: string): EvaluationStep => ({
    run: next,
    reply: { type: "evaluation_recorded", run: run.run, step: report.step, proceed, reason: reason.slice(0, 1024) },
  });
  if (hasEnded(run)) return answer(run, false, reasonOf(run, now));
  if (run.ledger === null || takesPart(run, report) === undefined) return { run, reply: undefined };
  const relieved: RunState = { ...run, evaluations: relieve(run.evaluations, report, true) };
  if (isRepeated(run, report) && (report.ends === undefined || run.phase !== "training"))
    return answer(relieved, run.phase === "training", reasonOf(run, now));
  const { step, version, result } = report;
  const evaluation: Evaluation = { ...result, step, version, atMs: now };
  const evaluations = isRepeated(run, report)
    ? relieved.evaluations
    : addEvaluation(relieved.evaluations, evaluation, settings.evaluations);
  const next: RunState = { ...relieved, evaluations, progressAtMs: now };
  if (run.phase !== "training") return answer(next, false, reasonOf(run, now));
  const decision: StopDecision =
    report.ends === undefined ? decideStop(run.job.stop, evaluations) : { kind: "stop", reason: report.ends };
  if (decision.kind === "go_on") return answer(next, true, decision.reason);
  // Who measured has stopped: it is the one that can write the model from the very values that it measured.
  const finisher = { member: report.member, incarnation: report.incarnation };
  const finishing: RunState = { ...next, phase: "finishing", reason: decision.reason, finisher };
  return answer(finishing, false, decision.reason);
}

/** The same worker's evaluations of one step in asynchronous modes carry the same version. */
function isRepeated(run: RunState, report: ReportEvaluation): boolean {
  return run.evaluations.list.some(
    (each) => each.step === report.step && (isSynchronous(run) || each.version === report.version),
  );
}
