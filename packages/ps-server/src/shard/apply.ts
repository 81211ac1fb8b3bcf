/** Applies updates: one push at a time, or a whole synchronous step. */
import { stalenessWeight, type ResolvedStalenessWeight } from "@shoal/optimization";
import type { PushReply } from "@shoal/protocol";
import { contributionOf, hasRoom, makeChange } from "../replication/log-change.ts";
import type { Contribution } from "./barrier.ts";
import type { Change } from "./change.ts";
import type { CheckedGradient } from "./check-push.ts";
import { consistencyNow } from "./consistency-now.ts";
import { maximumNames, reconsiderPulls } from "./pull.ts";
import { acknowledge } from "./replies.ts";
import { isSamePush, type PushTicket } from "./requests.ts";
import { notifyListeners, type ShardState } from "./shard-state.ts";
import { endQueue, traceBound } from "./spans.ts";

/** Applies one push as it comes (bounded and asynchronous mode) and answers it. */
export function applyPush(
  state: ShardState,
  ticket: PushTicket,
  gradient: CheckedGradient,
  release: () => void,
  now: number,
): void {
  const before = state.progress.version;
  const { sender, header } = ticket;
  endQueue(state, ticket, now, []);
  state.tooStale.delete(sender.worker);
  const change: Change = {
    kind: state.vectors.buffer === undefined ? "update" : "buffer",
    contributions: [contributionOf(ticket)],
    weight: stalenessWeight(weightRuleOf(state), before - header.baseVersion),
    vector: gradient.offset === 0 ? undefined : state.vectors.view(gradient.offset),
    members: null,
  };
  makeChange(state, change, { tickets: [ticket], gradientNorm: () => Math.sqrt(gradient.squaredNorm) });
  release();
  acknowledge(state, ticket, appliedReply(ticket, before), before);
  afterUpdate(state, now);
}

/** The job's rule, until the run's guard has fallen back to inverse weights. */
function weightRuleOf({ roster, options }: ShardState): ResolvedStalenessWeight {
  return roster.members.fallBack === true ? { name: "inverse" } : options.staleness.weight;
}

/** Applies the complete step of the barrier and answers all who waited for it; later, where the log has no room. */
export function applyStep(state: ShardState, now: number): void {
  if (!hasRoom(state)) return;
  const before = state.progress.version;
  state.arrivals?.opened(before + 1, now);
  const contributions = state.barrier.take();
  const waiting = contributions.flatMap(({ requests }) => requests);
  endQueues(state, contributions, waiting, now);
  const gradient = state.vectors.finishStep();
  const tickets = contributions.map(({ carrier }) => carrier);
  const change: Change = {
    kind: "update",
    contributions: tickets.map(contributionOf),
    weight: 1,
    vector: gradient === undefined ? undefined : state.vectors.view(gradient),
    members: null,
  };
  makeChange(state, change, {
    tickets,
    gradientNorm: () => (gradient === undefined ? 0 : Math.sqrt(state.vectors.squaredNorm(gradient))),
  });
  settleOthers(state, contributions);
  for (const ticket of waiting) state.waits.remove(ticket);
  for (const contribution of contributions) answerContribution(state, contribution, before);
  afterUpdate(state, now);
}

/** Pushes that stood for the same batch as another are to be recognised when they come again. */
function settleOthers(state: ShardState, contributions: readonly Contribution[]): void {
  const others = contributions.flatMap(({ requests, carrier }) => requests.filter((it) => !isSamePush(it, carrier)));
  if (others.length === 0) return;
  const settled = others.map(contributionOf);
  makeChange(state, { kind: "settle", contributions: settled, weight: 1, vector: undefined, members: null });
}

function appliedReply(ticket: PushTicket, before: number): PushReply {
  return { type: "push_applied", version: before + 1, staleness: before - ticket.header.baseVersion };
}

/** The carrier's push is in the version; the others of its slot stand for the same batch and count as duplicates. */
function answerContribution(state: ShardState, contribution: Contribution, before: number): void {
  const version = before + 1;
  for (const ticket of contribution.requests) {
    if (isSamePush(ticket, contribution.carrier)) {
      acknowledge(state, ticket, appliedReply(ticket, before), before);
      continue;
    }
    state.progress.counters.duplicates += 1;
    acknowledge(state, ticket, { type: "push_duplicate", version, of: "batch" }, before);
  }
}

/** Ends the waits of a step: each request waited for those whose contribution came after it. */
function endQueues(
  state: ShardState,
  contributions: readonly Contribution[],
  waiting: readonly PushTicket[],
  now: number,
): void {
  const arrived = waiting.some(({ trace }) => trace.span.isRecording()) ? state.waits.list() : [];
  const order = new Map(arrived.map((ticket, index) => [ticket, index]));
  for (const ticket of waiting) {
    const since = order.get(ticket);
    const later = since === undefined ? [] : contributions.filter(({ carrier }) => (order.get(carrier) ?? -1) > since);
    const names = later.slice(0, maximumNames).map(({ carrier }) => carrier.sender.name);
    endQueue(state, ticket, now, names);
  }
}

function afterUpdate(state: ShardState, now: number): void {
  reconsiderPulls(state, now);
  if (moveBound(state, now)) reconsiderPulls(state, now);
  notifyListeners(state);
}

/** @returns true when the bound has grown: those who wait at it may go on */
function moveBound(state: ShardState, now: number): boolean {
  if (consistencyNow(state).mode !== "bounded") return false;
  const waits = (): number[] =>
    state.waits.list().flatMap((ticket) => (ticket.kind === "pull" ? [ticket.sinceMs] : []));
  const decision = state.bound.look(state.roster.members.workers.length, now, waits);
  if (decision !== undefined) traceBound(state, decision);
  return decision?.kind === "raise";
}
