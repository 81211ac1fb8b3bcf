/** How a run ends; afterwards only the cleaning up goes on (R1). */
import { ShoalError, type ErrorCode, type ErrorDetails, type SerializedError } from "@shoal/errors";
import type { RunStatus } from "@shoal/protocol";
import { guardText } from "../guard/guard-text.ts";
import { lossesText } from "./slot-moves/describe-moves.ts";
import { hasEnded, type RunState } from "./run-state.ts";

/** Longest sentence of an error: what messages may hold, with room for the code. */
const maximumSentence = 4000;

export function failRun(
  run: RunState,
  code: ErrorCode,
  sentence: string,
  details: ErrorDetails,
  now: number,
): RunState {
  if (hasEnded(run)) return run;
  const reason = sentence.slice(0, maximumSentence);
  const error = new ShoalError(code, reason, { run: run.run, ...details }).toJSON();
  return { ...run, phase: "failed", reason, error, endedAtMs: now };
}

/** Fails the run with the error of a member, naming the member. */
export function failWith(run: RunState, who: string, error: SerializedError, now: number): RunState {
  return failRun(run, error.code, `${who}: ${sentenceOf(error)}`, { ...error.details, member: who }, now);
}

export function cancelRun(run: RunState, now: number): RunState {
  if (hasEnded(run)) return run;
  const reason = `cancelled while ${run.phase}`;
  const error = new ShoalError("cancelled", reason, { run: run.run }).toJSON();
  return { ...run, phase: "cancelled", reason, error, endedAtMs: now };
}

export function completeRun(run: RunState, result: NonNullable<RunStatus["result"]>, now: number): RunState {
  if (hasEnded(run)) return run;
  // What people should know of the training is still true of its result.
  const reason = `${run.reason}${lossesText(run)}${guardText(run)}`.slice(0, maximumSentence);
  return { ...run, phase: "completed", result, reason, endedAtMs: now };
}

/** The sentence of an error without its code in front. */
export function sentenceOf(error: SerializedError): string {
  return error.message.replace(/^\[[a-z_]+\] /, "");
}
