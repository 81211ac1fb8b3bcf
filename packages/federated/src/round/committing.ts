/** Commit: until the parameter servers have the aggregate. */
import { counted } from "@shoal/errors";
import { refuse, unchanged, type RoundEvent, type RoundStep } from "./round-events.ts";
import { askAgain, giveUpTorn } from "./round-ends.ts";
import type { CommittingState, Report } from "./round-state.ts";

/** After the n-th failure the next try waits for n times this, ms. */
const retryAfterMs = 250;

export function settleCommitting(state: CommittingState, nowMs: number): RoundStep {
  const { number, reports, retryAtMs, deadlineMs, failures } = state;
  if (nowMs >= deadlineMs) {
    const sentence = `its aggregate could not be handed over, tried ${counted(failures + 1, "time")}`;
    return giveUpTorn(state, nowMs, sentence);
  }
  if (retryAtMs === null || nowMs < retryAtMs) return unchanged(state, "");
  return {
    state: { ...state, retryAtMs: null },
    effects: [{ type: "commit", number, reports }],
    reason: "the commit is tried again",
  };
}

export function advanceCommitting(state: CommittingState, event: RoundEvent, nowMs: number): RoundStep {
  const { number, reports, carried } = state;
  switch (event.type) {
    case "committed": {
      const reason = `version ${event.version} has ${counted(reports.length, "contribution")}`;
      const { version } = event;
      return {
        state: { phase: "committed", number, atMs: nowMs, reason, version, reports, carried },
        effects: [],
        reason,
      };
    }
    case "commit_failed": {
      if (state.retryAtMs !== null) return unchanged(state, "the commit is tried again already");
      const failures = state.failures + 1;
      return unchanged({ ...state, failures, retryAtMs: nowMs + failures * retryAfterMs }, event.reason);
    }
    case "contributions_lost":
      return askAgain(state, { members: carried.members, reports: [...reports, ...carried.reports] }, nowMs);
    case "report":
      return takeLate(state, event);
    case "drop": {
      const members = carried.members.filter(({ client }) => client !== event.client);
      return unchanged({ ...state, carried: { ...carried, members } }, `${event.client} left`);
    }
    default:
      return unchanged(state, "the aggregate is on its way");
  }
}

/** What comes now counts in the next round, where rounds allow that. */
function takeLate(
  state: CommittingState,
  report: { readonly client: string; readonly contribution: string },
): RoundStep {
  const { client, contribution } = report;
  const { members, reports } = state.carried;
  const member = members.find((each) => each.client === client);
  if (member === undefined) {
    const isKnown = [...state.reports, ...reports].some((each) => each.client === client);
    return isKnown
      ? refuse(state, report, "duplicate", "the client has contributed")
      : refuse(state, report, "too_late", "the round is being committed");
  }
  const late: Report = { client, contribution, sinceRound: member.sinceRound };
  const carried = { members: members.filter((each) => each !== member), reports: [...reports, late] };
  return {
    state: { ...state, carried },
    effects: [{ type: "accept_report", client, contribution }],
    reason: `${client} counts in the next round`,
  };
}
