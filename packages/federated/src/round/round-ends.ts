/** The ways out of a round. */
import { counted } from "@shoal/errors";
import { discard, type RoundStep } from "./round-events.ts";
import { nothingCarried, type Carried, type CommittingState, type Member, type RunningState } from "./round-state.ts";

/** Times that the contributions of a round may be lost with their aggregator before it is given up. */
const mostRestarts = 3;

/** Hands the contributions to the parameter servers; at most `goal` of them, in the order in which they came. */
export function commit(state: RunningState, nowMs: number, reason: string): RoundStep {
  const { plan, number, members, restarts } = state;
  const reports = state.reports.slice(0, plan.goal);
  const spare = state.reports.slice(plan.goal);
  const carried: Carried = plan.carriesOver ? { members, reports: spare } : nothingCarried;
  const stragglers = plan.carriesOver ? [] : [...members, ...spare].map(({ client }) => client);
  const deadlineMs = nowMs + plan.commitTimeoutMs;
  const committing: CommittingState = {
    ...{ phase: "committing", plan, number, asOfMs: nowMs, deadlineMs, reports, carried },
    ...{ failures: 0, retryAtMs: null, restarts },
  };
  return {
    state: committing,
    effects: [{ type: "commit", number, reports }, ...discard(stragglers, "the round has what it needs")],
    reason,
  };
}

export function carryOver({ number, members, reports }: RunningState, nowMs: number, reason: string): RoundStep {
  const carried: Carried = { members, reports };
  return { state: { phase: "carried_over", number, atMs: nowMs, reason, carried }, effects: [], reason };
}

export function abandon(state: RunningState, nowMs: number, reason: string): RoundStep {
  const { number, members, reports } = state;
  const clients = [...members, ...reports].map(({ client }) => client);
  return {
    state: { phase: "abandoned", number, atMs: nowMs, reason, carried: nothingCarried, isTorn: false },
    effects: discard(clients, reason),
    reason,
  };
}

/** Ends a commit of which nobody knows how far it came: some shards may have the aggregate and others not. */
export function giveUpTorn({ number, carried }: CommittingState, nowMs: number, reason: string): RoundStep {
  return { state: { phase: "abandoned", number, atMs: nowMs, reason, carried, isTorn: true }, effects: [], reason };
}

/**
 * Contributions are lost with whoever held them: those who made them keep them until the round is over, and are asked for
 * them again.
 */
export function askAgain(state: RunningState | CommittingState, held: Carried, nowMs: number): RoundStep {
  const { plan, number } = state;
  if (state.restarts >= mostRestarts) {
    const reason = `its contributions were lost ${state.restarts + 1} times`;
    return state.phase === "committing" ? giveUpTorn(state, nowMs, reason) : abandon(state, nowMs, reason);
  }
  const deadlineMs = nowMs + plan.reportingTimeoutMs;
  const awaited = held.members.map((member): Member => ({ ...member, byMs: Math.max(member.byMs, deadlineMs) }));
  const again = held.reports.map(({ client, sinceRound }): Member => ({
    client,
    status: "training",
    sinceRound,
    byMs: deadlineMs,
  }));
  const clients = again.map(({ client }) => client);
  const gone = state.phase === "committing" ? [] : state.gone;
  return {
    state: {
      ...{ phase: "reporting", plan, number, asOfMs: nowMs, deadlineMs, available: 0, drawing: null },
      ...{ members: [...awaited, ...again], reports: [], gone, restarts: state.restarts + 1 },
    },
    effects: [{ type: "ask_again", clients }],
    reason: `${counted(clients.length, "contribution was", "contributions were")} lost with their aggregator`,
  };
}
