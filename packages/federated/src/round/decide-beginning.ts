/**
 * Whether a round may begin. Without the clients that it needs it would be abandoned for certain: waiting for them belongs to no
 * round, so it takes neither a number nor a record, however long it lasts.
 */
import { counted } from "@shoal/errors";
import { neededToBegin, type RoundPlan } from "./round-plan.ts";
import type { Carried } from "./round-state.ts";

export interface BeginningDecision {
  readonly kind: "begin" | "wait";
  readonly reason: string;
}

/** @param available - clients that are idle and may be drawn */
export function decideBeginning(plan: RoundPlan, carried: Carried, available: number): BeginningDecision {
  const { members, reports } = carried;
  const held = members.length + reports.length;
  // It has deadlines for them, and is over with those.
  if (held > 0) return { kind: "begin", reason: `${counted(held, "client is", "clients are")} carried over` };
  const needed = neededToBegin(plan);
  const reason = `${counted(available, "client is", "clients are")} idle, ${counted(needed, "is", "are")} needed`;
  return { kind: available >= needed ? "begin" : "wait", reason };
}
