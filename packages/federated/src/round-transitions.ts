/** The three ways out of a phase, with the effects that each has. */
import type { ReportingState, RoundEffect, RoundStep, SelectingState } from "./round-state.ts";

export function startReporting(state: SelectingState, nowMs: number, reason: string): RoundStep {
  const { plan, selected } = state;
  return {
    state: {
      phase: "reporting",
      plan,
      deadlineMs: nowMs + plan.reportingTimeoutMs,
      awaited: selected,
      reported: [],
    },
    effects: [{ type: "configure", clients: selected }],
    reason,
  };
}

function discard(clients: readonly string[]): readonly RoundEffect[] {
  return clients.length > 0 ? [{ type: "discard", clients }] : [];
}

export function commit(state: ReportingState, nowMs: number, reason: string): RoundStep {
  const { reported, awaited } = state;
  return {
    state: { phase: "committed", atMs: nowMs, reported },
    effects: [{ type: "commit", clients: reported }, ...discard(awaited)],
    reason,
  };
}

export function abandon(state: SelectingState | ReportingState, nowMs: number, reason: string): RoundStep {
  const clients = state.phase === "selecting" ? state.selected : state.awaited;
  return {
    state: { phase: "abandoned", atMs: nowMs, reason },
    effects: [{ type: "abandon", reason }, ...discard(clients)],
    reason,
  };
}
