/**
 * A federated round as a pure state machine: clients check in until there are enough, train, and report; the round is
 * committed with the reports that came, or abandoned.
 *
 *   selecting ──enough, or enough at the deadline──▶ reporting ──goal, or minimum at the deadline──▶ committed
 *       └──────────too few at the deadline──────────────┴──────too few left or at the deadline─────▶ abandoned
 *
 * Invariants
 *   R1  every event re-evaluates the deadlines, so a round ends with the first event at or after its last deadline.
 *   R2  a committed round has at least `minimum` and at most `goal` reports, each of another selected client.
 *   R3  committed and abandoned rounds never change.
 * Source  Bonawitz et al., "Towards federated learning at scale: system design", SysML 2019, section 2.2.
 */
import { abandon, commit, startReporting } from "./round-transitions.ts";
import type { ReportingState, RoundEvent, RoundPlan, RoundState, RoundStep, SelectingState } from "./round-state.ts";

/** Starts a round at `nowMs`. @throws RangeError when the plan contradicts itself */
export function startRound(plan: RoundPlan, nowMs: number): SelectingState {
  const { goal, minimum, invited } = plan;
  const counts = [minimum, goal, invited];
  if (!counts.every(Number.isSafeInteger) || minimum < 1 || goal < minimum || invited < goal) {
    throw new RangeError(`expected 1 ≤ minimum ≤ goal ≤ invited, got ${minimum}, ${goal} and ${invited}`);
  }
  for (const name of ["selectionTimeoutMs", "reportingTimeoutMs"] as const) {
    if (!(plan[name] > 0) || plan[name] === Infinity) {
      throw new RangeError(`${name} must be a positive number of milliseconds, got ${plan[name]}`);
    }
  }
  return { phase: "selecting", plan, deadlineMs: nowMs + plan.selectionTimeoutMs, selected: [] };
}

/** When the round must be looked at again, at the latest; undefined when it has ended. */
export function nextDeadline(state: RoundState): number | undefined {
  return state.phase === "selecting" || state.phase === "reporting" ? state.deadlineMs : undefined;
}

/** Takes one event; also ends what is over by `nowMs`. Pure: the caller carries out the effects. */
export function advanceRound(state: RoundState, event: RoundEvent, nowMs: number): RoundStep {
  switch (state.phase) {
    case "selecting":
      return advanceSelecting(state, event, nowMs);
    case "reporting":
      return advanceReporting(state, event, nowMs);
    case "committed":
    case "abandoned":
      return refuseAfterEnd(state, event);
  }
}

function advanceSelecting(state: SelectingState, event: RoundEvent, nowMs: number): RoundStep {
  const { plan } = state;
  if (nowMs >= state.deadlineMs) {
    const { length } = state.selected;
    const ended =
      length >= plan.minimum
        ? startReporting(state, nowMs, `${length} of ${plan.invited} clients at the selection deadline`)
        : abandon(
            state,
            nowMs,
            `${length} clients checked in before the deadline, at least ${plan.minimum} are needed`,
          );
    return thenTake(ended, event, nowMs);
  }
  switch (event.type) {
    case "check_in": {
      if (state.selected.includes(event.client)) return unchanged(state, `${event.client} is selected already`);
      const selected = [...state.selected, event.client];
      const accepted: RoundStep = {
        state: { ...state, selected },
        effects: [{ type: "accept_client", client: event.client }],
        reason: `${selected.length} of ${plan.invited} clients selected`,
      };
      if (selected.length < plan.invited) return accepted;
      const started = startReporting({ ...state, selected }, nowMs, `all ${plan.invited} clients are selected`);
      return { ...started, effects: [...accepted.effects, ...started.effects] };
    }
    case "drop": {
      const selected = state.selected.filter((client) => client !== event.client);
      return { state: { ...state, selected }, effects: [], reason: `${event.client} left before the start` };
    }
    case "report":
      return refuse(state, event.client, "the round has not started");
    case "tick":
      return unchanged(state, `${state.selected.length} of ${plan.invited} clients selected`);
  }
}

function advanceReporting(state: ReportingState, event: RoundEvent, nowMs: number): RoundStep {
  if (nowMs >= state.deadlineMs) return thenTake(settleAtDeadline(state, nowMs), event, nowMs);
  switch (event.type) {
    case "check_in":
      return {
        ...unchanged(state, "the round is running"),
        effects: [{ type: "reject_client", client: event.client, reason: "the round is running" }],
      };
    case "report":
      return takeReport(state, event.client, nowMs);
    case "drop":
      return takeDrop(state, event.client, nowMs);
    case "tick":
      return unchanged(state, `${state.reported.length} of ${state.plan.goal} reports`);
  }
}

function settleAtDeadline(state: ReportingState, nowMs: number): RoundStep {
  const { length } = state.reported;
  const { minimum } = state.plan;
  return length >= minimum
    ? commit(state, nowMs, `${length} reports at the deadline`)
    : abandon(state, nowMs, `${length} reports before the deadline, at least ${minimum} are needed`);
}

function takeReport(state: ReportingState, client: string, nowMs: number): RoundStep {
  if (!state.awaited.includes(client)) {
    const known = state.reported.includes(client);
    return refuse(state, client, known ? "the client has reported already" : "the client is not in this round");
  }
  const awaited = state.awaited.filter((other) => other !== client);
  const reported = [...state.reported, client];
  const next: ReportingState = { ...state, awaited, reported };
  const { length } = reported;
  const accepted: RoundStep = {
    state: next,
    effects: [{ type: "accept_report", client }],
    reason: `${length} of ${state.plan.goal} reports`,
  };
  if (length < state.plan.goal && awaited.length > 0) return accepted;
  const sentence = length >= state.plan.goal ? `${length} reports, the goal` : `${length} reports, nobody is left`;
  const ended = length >= state.plan.minimum ? commit(next, nowMs, sentence) : abandon(next, nowMs, sentence);
  return { ...ended, effects: [...accepted.effects, ...ended.effects] };
}

function takeDrop(state: ReportingState, client: string, nowMs: number): RoundStep {
  if (!state.awaited.includes(client)) return unchanged(state, `nothing is awaited of ${client}`);
  const awaited = state.awaited.filter((other) => other !== client);
  const next: ReportingState = { ...state, awaited };
  const { minimum } = state.plan;
  const possible = awaited.length + state.reported.length;
  if (possible < minimum) return abandon(next, nowMs, `at most ${possible} reports can come, ${minimum} are needed`);
  if (awaited.length === 0) return commit(next, nowMs, `${state.reported.length} reports, nobody is left`);
  return { state: next, effects: [], reason: `${client} left; ${awaited.length} are awaited` };
}

function unchanged(state: RoundState, reason: string): RoundStep {
  return { state, effects: [], reason };
}

function refuse(state: RoundState, client: string, reason: string): RoundStep {
  return { state, effects: [{ type: "reject_report", client, reason }], reason };
}

function refuseAfterEnd(state: RoundState, event: RoundEvent): RoundStep {
  const reason = `the round is ${state.phase}`;
  if (event.type === "report") return refuse(state, event.client, reason);
  if (event.type !== "check_in") return unchanged(state, reason);
  return { state, effects: [{ type: "reject_client", client: event.client, reason }], reason };
}

/** A late event meets the state that the deadline left behind; both reasons are told. */
function thenTake(ended: RoundStep, event: RoundEvent, nowMs: number): RoundStep {
  if (event.type === "tick") return ended;
  const taken = advanceRound(ended.state, event, nowMs);
  return {
    state: taken.state,
    effects: [...ended.effects, ...taken.effects],
    reason: `${ended.reason}; then ${taken.reason}`,
  };
}
