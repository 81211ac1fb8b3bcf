/**
 * A federated round as a pure state machine.
 *
 *   selecting ─enough─▶ configuring ─all, or enough at the deadline─▶ reporting ─goal, or minimum at the deadline─▶
 *       committing ─▶ committed
 *   too few at a deadline, or nobody who could still come ─▶ abandoned, or carried over into the next round
 *
 * Rounds, buffers and single arrivals are this one machine (`RoundPlan.arrival`): a buffer has no configuration, takes
 * others for those who have finished, and leaves those who train on to the next round.
 *
 * Invariants
 *   R1  every event looks at the deadlines first, so a round ends with the first event at or after its last deadline.
 *   R2  what is committed has at least `minimum` and at most `goal` contributions, each of another client that was asked.
 *   R3  a round that has ended does not change.
 *   R4  effects may be carried out twice; after a crash `resumeRound` names those that may not have been.
 *   R5  time that runs backwards is time that stands still.
 * Source  Bonawitz et al., "Towards federated learning at scale: system design", SysML 2019, section 2.2; Nguyen et al.,
 *         "Federated learning with buffered asynchronous aggregation", AISTATS 2022.
 */
import { advanceCommitting, settleCommitting } from "./committing.ts";
import { refuse, andThen, unchanged, type RoundEvent, type RoundStep } from "./round-events.ts";
import { isEnded, type EndedState, type OpenState, type RoundState } from "./round-state.ts";
import { advanceRunning, settleRunning } from "./running.ts";
import { advanceSelecting, settleSelecting } from "./selecting.ts";

/** Phases that one moment may end, at most: each settles once. */
const mostSettlements = 8;

/** When the round must be looked at again, at the latest; undefined when it has ended. */
export function nextDeadline(state: RoundState): number | undefined {
  if (isEnded(state)) return undefined;
  switch (state.phase) {
    case "selecting":
      return state.deadlineMs;
    case "configuring":
    case "reporting":
      return Math.min(state.deadlineMs, state.drawing?.untilMs ?? Infinity, ...state.members.map(({ byMs }) => byMs));
    case "committing":
      return Math.min(state.deadlineMs, state.retryAtMs ?? Infinity);
  }
}

/** Takes one event; also ends what is over by `nowMs`. Pure: the caller writes the state, then carries out the effects. */
export function advanceRound(state: RoundState, event: RoundEvent, nowMs: number): RoundStep {
  if (isEnded(state)) return refuseAfterEnd(state, event);
  const now = Math.max(nowMs, state.asOfMs); // R5
  let step: RoundStep = unchanged(state, "");
  for (let left = mostSettlements; left > 0 && isDue(step.state, now); left -= 1) {
    step = andThen(step, (open) => (isEnded(open) ? unchanged(open, "") : settle(open, now))); // R1
  }
  if (event.type === "tick" && step.reason !== "") return stamp(step, now);
  return stamp(
    andThen(step, (next) => (isEnded(next) ? refuseAfterEnd(next, event) : take(next, event, now))),
    now,
  );
}

function isDue(state: RoundState, nowMs: number): boolean {
  return nowMs >= (nextDeadline(state) ?? Infinity);
}

function settle(state: OpenState, nowMs: number): RoundStep {
  switch (state.phase) {
    case "selecting":
      return settleSelecting(state, nowMs);
    case "configuring":
    case "reporting":
      return settleRunning(state, nowMs);
    case "committing":
      return settleCommitting(state, nowMs);
  }
}

function take(state: OpenState, event: RoundEvent, nowMs: number): RoundStep {
  switch (state.phase) {
    case "selecting":
      return event.type === "report"
        ? refuse(state, event, "not_a_member", "the round has not begun")
        : advanceSelecting(state, event, nowMs);
    case "configuring":
    case "reporting":
      return advanceRunning(state, event, nowMs);
    case "committing":
      return advanceCommitting(state, event, nowMs);
  }
}

function stamp(step: RoundStep, asOfMs: number): RoundStep {
  return isEnded(step.state) ? step : { ...step, state: { ...step.state, asOfMs } };
}

function refuseAfterEnd(state: EndedState, event: RoundEvent): RoundStep {
  const reason = `round ${state.number} is ${state.phase.replace("_", " ")}`;
  return event.type === "report" ? refuse(state, event, "too_late", reason) : unchanged(state, reason);
}
