/** Configuration and reporting: clients confirm, train and contribute. */
import { counted } from "@shoal/errors";
import { discard, refuse, unchanged, type RoundEffect, type RoundEvent, type RoundStep } from "./round-events.ts";
import { abandon, askAgain, carryOver, commit } from "./round-ends.ts";
import { trainsUntil } from "./round-plan.ts";
import type { Member, RunningState, SelectingState } from "./round-state.ts";

/** Clients that are remembered as gone: of those before them one may be asked a second time. */
export const mostGone = 256;

/** Offers a new round to those who were drawn. */
export function offerTo(state: SelectingState, clients: readonly string[], nowMs: number): RoundStep {
  const { plan, number, available } = state;
  const configured = nowMs + plan.configurationTimeoutMs;
  const running: RunningState = {
    ...{ phase: plan.arrival === "round" ? "configuring" : "reporting", plan, number, asOfMs: nowMs },
    ...{ available: Math.max(0, available - clients.length), drawing: null, gone: [], restarts: 0 },
    ...{ members: clients.map((client) => offered(client, number, configured)), reports: [] },
    deadlineMs: plan.arrival === "round" ? configured : nowMs + plan.reportingTimeoutMs,
  };
  return {
    state: running,
    effects: [offer(running, clients, nowMs)],
    reason: `${counted(clients.length, "client is", "clients are")} asked`,
  };
}

/** Whatever time has decided. */
export function settleRunning(state: RunningState, nowMs: number): RoundStep {
  const late = state.members.filter(({ byMs }) => nowMs >= byMs);
  const silent = late.map(({ client }) => client);
  const isDrawing = state.drawing !== null && nowMs < state.drawing.untilMs;
  const kept: RunningState = { ...without(state, silent), drawing: isDrawing ? state.drawing : null };
  const effects = [...unanswered(late), ...discard(silent, "it did not answer in time")];
  const sentence = silent.length === 0 ? "" : `${counted(silent.length, "client")} did not answer in time`;
  const step =
    nowMs >= state.deadlineMs ? settleAtDeadline(kept, nowMs) : completeRound(kept, nowMs, sentence, silent.length > 0);
  return { ...step, effects: [...effects, ...step.effects] };
}

/** Who trains has answered: that one was slow says nothing of the next round. */
function unanswered(late: readonly Member[]): readonly RoundEffect[] {
  const clients = late.filter(({ status }) => status === "offered").map(({ client }) => client);
  return clients.length === 0 ? [] : [{ type: "unanswered", clients }];
}

export function advanceRunning(state: RunningState, event: RoundEvent, nowMs: number): RoundStep {
  switch (event.type) {
    case "available":
      return completeRound(
        { ...state, available: event.count },
        nowMs,
        `${counted(event.count, "client is", "clients are")} idle`,
      );
    case "drawn":
      return takeDrawn(state, event.clients, nowMs);
    case "confirm":
      return takeConfirmation(state, event.client, nowMs);
    case "report":
      return takeReport(state, event, nowMs);
    case "drop":
      return takeDrop(state, event.client, nowMs);
    case "contributions_lost":
      return state.reports.length === 0
        ? unchanged(state, "no contribution is lost")
        : askAgain(state, { members: state.members, reports: state.reports }, nowMs);
    default:
      return unchanged(state, `${state.reports.length} of ${counted(state.plan.goal, "contribution")}`);
  }
}

/** Ends the round if it has what it wants or cannot get it; draws others for those who are missing. */
export function completeRound(state: RunningState, nowMs: number, reason: string, isChanged = true): RoundStep {
  const { plan, members, reports, phase } = state;
  const { length } = reports;
  if (length >= plan.goal) return commit(state, nowMs, `${counted(length, "contribution")}, the goal`);
  const isFixed = plan.arrival === "round" && phase === "reporting";
  if (isFixed && length + members.length < plan.minimum) {
    const sentence = `at most ${counted(length + members.length, "contribution")} can come, ${counted(plan.minimum, "is", "are")} needed`;
    return giveUp(state, nowMs, sentence);
  }
  if (isFixed && members.length === 0)
    return commit(state, nowMs, `${counted(length, "contribution")}, nobody is left`);
  if (phase === "configuring" && members.length > 0 && members.every(({ status }) => status === "training")) {
    const isDrawn = plan.draw === "poisson";
    const isFull = isDrawn || members.length + length >= plan.invited || state.available === 0;
    if (isFull && members.length + length >= plan.minimum) return startReporting(state, nowMs);
  }
  const step: RoundStep = { state, effects: [], reason: isChanged ? reason : "" };
  return isFixed ? step : { ...drawMore(state, nowMs), reason: step.reason };
}

function settleAtDeadline(state: RunningState, nowMs: number): RoundStep {
  const { plan, reports, members, phase } = state;
  const possible = reports.length + members.length;
  if (phase === "configuring" && possible >= plan.minimum) return startReporting(state, nowMs);
  if (reports.length >= plan.minimum)
    return commit(state, nowMs, `${counted(reports.length, "contribution")} at the deadline`);
  const what =
    phase === "configuring"
      ? `${counted(possible, "client")} took part`
      : `${counted(reports.length, "contribution")} came before the deadline`;
  return giveUp(state, nowMs, `${what}, at least ${counted(plan.minimum, "is", "are")} needed`);
}

function giveUp(state: RunningState, nowMs: number, reason: string): RoundStep {
  const hasSomething = state.reports.length + state.members.length > 0;
  return state.plan.carriesOver && hasSomething ? carryOver(state, nowMs, reason) : abandon(state, nowMs, reason);
}

/** The cohort is complete: its time to train begins now. */
function startReporting(state: RunningState, nowMs: number): RoundStep {
  const deadlineMs = nowMs + state.plan.reportingTimeoutMs;
  const byMs = trainsUntil(state.plan, nowMs);
  const members = state.members.map((member): Member => ({ ...member, status: "training", byMs }));
  const next: RunningState = { ...state, phase: "reporting", deadlineMs, members, drawing: null };
  const clients = [...members, ...state.reports].map(({ client }) => client);
  return {
    state: next,
    effects: [{ type: "start_cohort", clients }],
    reason: `${counted(clients.length, "client takes", "clients take")} part`,
  };
}

function drawMore(state: RunningState, nowMs: number): RoundStep {
  const { plan, members, reports, drawing, available } = state;
  const present = members.length + (plan.arrival === "round" ? reports.length : 0);
  const count = Math.min(plan.invited - present, available);
  if (count <= 0 || drawing !== null || plan.draw === "poisson") return unchanged(state, "");
  return {
    state: { ...state, drawing: { count, untilMs: nowMs + plan.configurationTimeoutMs } },
    effects: [drawFrom(state, count)],
    reason: `${counted(count, "client is", "clients are")} missing`,
  };
}

/** Asks for so many who have not been in the round. */
export function drawFrom({ members, reports, gone }: RunningState, count: number): RoundEffect {
  const except = [...members, ...reports].map(({ client }) => client);
  return { type: "draw", count, except: [...except, ...gone] };
}

function takeDrawn(state: RunningState, drawn: readonly string[], nowMs: number): RoundStep {
  const { plan, number, members, reports } = state;
  if (state.drawing === null) return unchanged(state, "nobody was to be drawn");
  const present = new Set([...[...members, ...reports].map(({ client }) => client), ...state.gone]);
  const room = plan.invited - members.length - (plan.arrival === "round" ? reports.length : 0);
  const clients = [...new Set(drawn)].filter((client) => !present.has(client)).slice(0, Math.max(0, room));
  const available = clients.length === 0 ? 0 : Math.max(0, state.available - clients.length);
  const answerBy = nowMs + plan.configurationTimeoutMs;
  const byMs = state.phase === "configuring" ? Math.min(answerBy, state.deadlineMs) : answerBy;
  const added = clients.map((client) => offered(client, number, byMs));
  const next: RunningState = { ...state, available, drawing: null, members: [...members, ...added] };
  if (clients.length === 0) return completeRound(next, nowMs, "nobody else is idle");
  return {
    state: next,
    effects: [offer(next, clients, nowMs)],
    reason: `${counted(clients.length, "client more is", "clients more are")} asked`,
  };
}

function takeConfirmation(state: RunningState, client: string, nowMs: number): RoundStep {
  const { plan } = state;
  if (!state.members.some((member) => member.client === client && member.status === "offered")) {
    return unchanged(state, `${client} was not asked, or has answered`);
  }
  // In a round that is still being made up, the time to train begins when all are known.
  const byMs = trainsUntil(plan, state.phase === "configuring" ? state.deadlineMs : nowMs);
  const members = state.members.map((member): Member =>
    member.client === client ? { ...member, status: "training", byMs } : member,
  );
  return completeRound({ ...state, members }, nowMs, `${client} takes part`);
}

function takeReport(
  state: RunningState,
  report: { readonly client: string; readonly contribution: string },
  nowMs: number,
): RoundStep {
  const { client, contribution } = report;
  const member = state.members.find((each) => each.client === client);
  if (member === undefined) {
    const isKnown = state.reports.some((each) => each.client === client);
    return isKnown
      ? refuse(state, report, "duplicate", "the client has contributed to this round")
      : refuse(state, report, "not_a_member", "the client is not in this round");
  }
  const reports = [...state.reports, { client, contribution, sinceRound: member.sinceRound }];
  const members = state.members.filter((each) => each !== member);
  const sentence = `${reports.length} of ${counted(state.plan.goal, "contribution")}`;
  const step = completeRound({ ...state, members, reports }, nowMs, sentence);
  return { ...step, effects: [{ type: "accept_report", client, contribution }, ...step.effects] };
}

function takeDrop(state: RunningState, client: string, nowMs: number): RoundStep {
  if (!state.members.some((member) => member.client === client)) {
    return unchanged(state, `nothing is awaited of ${client}`);
  }
  return completeRound(without(state, [client]), nowMs, `${client} left`);
}

function without(state: RunningState, clients: readonly string[]): RunningState {
  if (clients.length === 0) return state;
  const left = new Set(clients);
  const members = state.members.filter(({ client }) => !left.has(client));
  return { ...state, members, gone: [...state.gone, ...clients].slice(-mostGone) };
}

function offered(client: string, sinceRound: number, byMs: number): Member {
  return { client, status: "offered", sinceRound, byMs };
}

function offer({ plan, deadlineMs, phase }: RunningState, clients: readonly string[], nowMs: number): RoundEffect {
  const answerWithinMs =
    phase === "configuring" ? Math.min(plan.configurationTimeoutMs, deadlineMs - nowMs) : plan.configurationTimeoutMs;
  return { type: "offer", clients, answerWithinMs, reportWithinMs: plan.reportingTimeoutMs };
}
