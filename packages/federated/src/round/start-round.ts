/** Begins a round with what the one before it left. */
import { counted } from "@shoal/errors";
import { checkPlan, type RoundPlan } from "./round-plan.ts";
import { discard, type RoundEffect, type RoundStep } from "./round-events.ts";
import { nothingCarried, type Carried, type OpenState } from "./round-state.ts";
import { completeRound } from "./running.ts";

/**
 * @param number - of the round, from 1
 * @param carried - of the round before it; what is older than the plan allows is let go
 * @throws RangeError when the plan contradicts itself
 */
export function startRound(
  plan: RoundPlan,
  number: number,
  nowMs: number,
  carried: Carried = nothingCarried,
): RoundStep {
  checkPlan(plan);
  const isYoung = ({ sinceRound }: { readonly sinceRound: number }): boolean =>
    number - sinceRound <= plan.maximumStaleness;
  const members = carried.members.filter(isYoung);
  const reports = carried.reports.filter(isYoung);
  const effects = letGo(carried, isYoung);
  const begun = { plan, number, asOfMs: nowMs, available: 0 } as const;
  if (members.length + reports.length === 0) {
    const deadlineMs = nowMs + plan.selectionTimeoutMs;
    const state: OpenState = { phase: "selecting", ...begun, deadlineMs, drawing: null };
    return { state, effects, reason: `round ${number} waits for clients` };
  }
  const running: OpenState = {
    ...{ phase: "reporting", ...begun, drawing: null, members, reports, gone: [], restarts: 0 },
    deadlineMs: nowMs + plan.reportingTimeoutMs,
  };
  const reason = `round ${number} goes on with ${counted(members.length, "client")} and ${counted(reports.length, "contribution")}`;
  const step = completeRound(running, nowMs, reason);
  return { ...step, effects: [...effects, ...step.effects] };
}

function letGo(
  { members, reports }: Carried,
  isYoung: (each: { readonly sinceRound: number }) => boolean,
): readonly RoundEffect[] {
  const old = [...members, ...reports].filter((each) => !isYoung(each)).map(({ client }) => client);
  return discard(old, "it is based on a version that is too old");
}
