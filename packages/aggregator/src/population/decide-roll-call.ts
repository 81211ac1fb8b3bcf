/**
 * Whether all who are idle are asked if they are still there: when more clients have let an offer run out than a round asks
 * above its goal. Single ones fall silent all the time, and rest; but where a building, a gateway or an operator's network
 * has gone, every round would draw some of its clients and lose its time to answer, once for each.
 *
 * With coins there is none: a client's chance to be drawn may depend on what it does itself, not on who else is there.
 *
 * Bounds  a notice and a check-in of each idle client in `everyMs`, at most.
 */
import type { RoundPlan } from "@shoal/federated";

export interface RollCallFacts {
  /** Clients that have let their offer run out. */
  readonly silent: number;
  readonly plan: Pick<RoundPlan, "goal" | "invited" | "draw">;
  readonly nowMs: number;
  /** The last one; −Infinity: none yet. */
  readonly calledAtMs: number;
  /** At least: idle clients check in by themselves about as often. */
  readonly everyMs: number;
}

export interface RollCallDecision {
  readonly kind: "call" | "leave";
  readonly reason: string;
}

export function decideRollCall({ silent, plan, nowMs, calledAtMs, everyMs }: RollCallFacts): RollCallDecision {
  if (plan.draw === "poisson") return { kind: "leave", reason: "each client is drawn for itself" };
  const spare = Math.max(0, plan.invited - plan.goal);
  if (silent <= spare) return { kind: "leave", reason: `${silent} were silent, the round asks ${spare} to spare` };
  if (nowMs - calledAtMs < everyMs) return { kind: "leave", reason: "all were asked a moment ago" };
  return { kind: "call", reason: `${silent} were silent, more than the ${spare} to spare` };
}
