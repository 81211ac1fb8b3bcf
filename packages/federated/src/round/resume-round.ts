/** Goes on with a round that was read from the store, after a crash of its owner or on another machine. */
import { advanceRound } from "./advance-round.ts";
import { andThen, unchanged, type RoundEffect, type RoundStep } from "./round-events.ts";
import { isEnded, type Drawing, type OpenState, type RoundState } from "./round-state.ts";
import { drawFrom } from "./running.ts";

/**
 * Every deadline is as far away as it was when the state was written: clocks of two machines are never compared, and the
 * time in which nobody owned the round does not count.
 * @returns the state on this clock, and the effects that may not have been carried out (R4)
 */
export function resumeRound(state: RoundState, nowMs: number): RoundStep {
  if (isEnded(state)) return unchanged(state, `round ${state.number} has ended`);
  const moved = shift(state, nowMs - state.asOfMs);
  const resumed: RoundStep = { state: moved, effects: pendingEffects(moved, nowMs), reason: "the round goes on" };
  return andThen(resumed, (open) => advanceRound(open, { type: "tick" }, nowMs));
}

function shift(state: OpenState, byMs: number): OpenState {
  const begun = { asOfMs: state.asOfMs + byMs, deadlineMs: state.deadlineMs + byMs };
  const moveMember = <Each extends { readonly byMs: number }>(member: Each): Each => ({
    ...member,
    byMs: member.byMs + byMs,
  });
  const moveDrawing = (drawing: Drawing | null): Drawing | null =>
    drawing === null ? null : { ...drawing, untilMs: drawing.untilMs + byMs };
  switch (state.phase) {
    case "selecting":
      return { ...state, ...begun, drawing: moveDrawing(state.drawing) };
    case "configuring":
    case "reporting": {
      return { ...state, ...begun, drawing: moveDrawing(state.drawing), members: state.members.map(moveMember) };
    }
    case "committing": {
      const carried = { ...state.carried, members: state.carried.members.map(moveMember) };
      const retryAtMs = state.retryAtMs === null ? null : state.retryAtMs + byMs;
      return { ...state, ...begun, carried, retryAtMs };
    }
  }
}

function pendingEffects(state: OpenState, nowMs: number): readonly RoundEffect[] {
  switch (state.phase) {
    case "selecting":
      return state.drawing === null ? [] : [{ type: "draw", count: state.drawing.count, except: [] }];
    case "configuring":
    case "reporting":
      return pendingWhileRunning(state, nowMs);
    case "committing":
      return state.retryAtMs === null ? [{ type: "commit", number: state.number, reports: state.reports }] : [];
  }
}

function pendingWhileRunning(
  state: Extract<OpenState, { phase: "configuring" | "reporting" }>,
  nowMs: number,
): readonly RoundEffect[] {
  const { plan, members, reports, phase } = state;
  const effects: RoundEffect[] = reports.map(({ client, contribution }) => ({
    ...{ type: "accept_report", client, contribution },
  }));
  const asked = members.filter(({ status }) => status === "offered");
  if (asked.length > 0) {
    const answerWithinMs = Math.min(...asked.map(({ byMs }) => byMs)) - nowMs;
    const clients = asked.map(({ client }) => client);
    effects.push({ type: "offer", clients, answerWithinMs, reportWithinMs: plan.reportingTimeoutMs });
  }
  if (phase === "reporting" && plan.arrival === "round") {
    effects.push({ type: "start_cohort", clients: [...members, ...reports].map(({ client }) => client) });
  }
  if (state.drawing !== null) effects.push(drawFrom(state, state.drawing.count));
  return effects;
}
