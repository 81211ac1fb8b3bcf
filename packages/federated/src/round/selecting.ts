/** Selection: until enough clients are idle, or time is up. */
import { counted } from "@shoal/errors";
import { unchanged, type RoundEvent, type RoundStep } from "./round-events.ts";
import { neededToBegin, wantedToDraw } from "./round-plan.ts";
import { nothingCarried, type SelectingState } from "./round-state.ts";
import { offerTo } from "./running.ts";

/** Nothing is due before its deadline. */
export function settleSelecting(state: SelectingState, nowMs: number): RoundStep {
  const { plan, available, drawing } = state;
  if (nowMs < state.deadlineMs) return unchanged(state, "");
  if (drawing !== null) return abandonSelection(state, nowMs, "nobody said which clients were drawn");
  const needed = neededToBegin(plan);
  if (available < needed) {
    return abandonSelection(
      state,
      nowMs,
      `${counted(available, "client is", "clients are")} idle, at least ${counted(needed, "is", "are")} needed`,
    );
  }
  return draw(state, nowMs, `${available} of ${counted(plan.invited, "client")} at the selection deadline`);
}

export function advanceSelecting(state: SelectingState, event: RoundEvent, nowMs: number): RoundStep {
  const { plan } = state;
  switch (event.type) {
    case "available": {
      const { count, declining = 0 } = event;
      const next = { ...state, available: count };
      const sentence = `${count} of ${plan.invited} clients are idle`;
      const wanted = wantedToDraw(plan);
      // Whoever declines would be no help if it were drawn: the others begin without it.
      const isEnough = count >= wanted || (count >= neededToBegin(plan) && count + declining >= wanted);
      if (state.drawing !== null || !isEnough) return unchanged(next, sentence);
      return draw(next, nowMs, sentence);
    }
    case "drawn": {
      const clients = [...new Set(event.clients)].slice(0, plan.invited);
      if (state.drawing === null) return unchanged(state, "nobody was to be drawn");
      const needed = neededToBegin(plan);
      if (clients.length >= needed || plan.draw === "poisson") return offerTo(state, clients, nowMs);
      // Those who were counted have gone meanwhile: wait on, as long as there is time.
      const sentence = `${counted(clients.length, "client was", "clients were")} drawn, at least ${counted(needed, "is", "are")} needed`;
      if (nowMs >= state.deadlineMs) return abandonSelection(state, nowMs, sentence);
      return unchanged({ ...state, drawing: null, available: 0 }, sentence);
    }
    default:
      return unchanged(state, `${state.available} of ${plan.invited} clients are idle`);
  }
}

/** The answer has as long as a client has for its own. */
function draw(state: SelectingState, nowMs: number, reason: string): RoundStep {
  const { plan } = state;
  const count = Math.min(plan.invited, state.available);
  const untilMs = nowMs + plan.configurationTimeoutMs;
  const deadlineMs = Math.max(state.deadlineMs, untilMs);
  return {
    state: { ...state, drawing: { count, untilMs }, deadlineMs },
    effects: [{ type: "draw", count, except: [] }],
    reason,
  };
}

function abandonSelection({ number }: SelectingState, nowMs: number, reason: string): RoundStep {
  return {
    state: { phase: "abandoned", number, atMs: nowMs, reason, carried: nothingCarried, isTorn: false },
    effects: [],
    reason,
  };
}
