/** Applies updates: one push at a time, or a whole synchronous step. */
import { learningRateAt, stalenessWeight, type ResolvedStalenessWeight } from "@shoal/optimization";
import type { PushReply, UpdateRecord } from "@shoal/protocol";
import type { Contribution } from "./barrier.ts";
import type { CheckedGradient } from "./check-push.ts";
import { consistencyNow } from "./consistency-now.ts";
import { finishClock } from "./finish-clock.ts";
import { maximumNames, reconsiderPulls } from "./pull.ts";
import type { PushBuffer } from "./push-buffer.ts";
import { acknowledge } from "./replies.ts";
import { isSamePush, type PushTicket } from "./requests.ts";
import { notifyListeners, type ShardState } from "./shard-state.ts";
import { closeApply, endQueue, openApply, traceBound } from "./spans.ts";

/** Applies one push as it comes (bounded and asynchronous mode) and answers it. */
export function applyPush(
  state: ShardState,
  ticket: PushTicket,
  gradient: CheckedGradient,
  release: () => void,
  now: number,
): void {
  const { buffer } = state.vectors;
  const before = state.progress.version;
  const { sender, header } = ticket;
  endQueue(state, ticket, now, []);
  state.tooStale.delete(sender.worker);
  const weight = stalenessWeight(weightRuleOf(state), before - header.baseVersion);
  const compensated =
    gradient.offset === 0
      ? undefined
      : () => state.vectors.compensate(sender.worker, header.baseVersion, gradient.offset);
  if (buffer === undefined) {
    const gradientNorm = (): number => Math.sqrt(gradient.squaredNorm);
    update(state, [ticket], { gradient: compensated, gradientNorm, weight });
  } else {
    buffer.add(contributionOf(ticket, before), compensated?.(), weight);
    // It counts from now on, in the version that the full buffer makes: nothing that is acknowledged is lost.
    countPush(state, ticket, before);
    if (buffer.isFull) applyBuffer(state, buffer, ticket);
  }
  release();
  acknowledge(state, ticket, appliedReply(ticket, before), before);
  afterUpdate(state, now);
}

/** Applies the mean of a full buffer. @param ticket the push that has filled it */
function applyBuffer(state: ShardState, buffer: PushBuffer, ticket: PushTicket): void {
  const { gradient, contributions } = buffer.take();
  const gradientNorm = (): number => (gradient === undefined ? 0 : Math.sqrt(state.vectors.squaredNorm(gradient)));
  const mean = gradient === undefined ? undefined : () => gradient;
  applyUpdate(state, [ticket], { gradient: mean, gradientNorm, weight: 1 });
  state.progress.log.add({ version: state.progress.version, contributions });
}

/** The job's rule, until the run's guard has fallen back to inverse weights. */
function weightRuleOf({ roster, options }: ShardState): ResolvedStalenessWeight {
  return roster.members.fallBack === true ? { name: "inverse" } : options.staleness.weight;
}

/** Applies the complete step of the barrier and answers all who waited for it. */
export function applyStep(state: ShardState, now: number): void {
  const before = state.progress.version;
  state.arrivals?.opened(before + 1, now);
  const contributions = state.barrier.take();
  const waiting = contributions.flatMap(({ requests }) => requests);
  endQueues(state, contributions, waiting, now);
  const gradient = state.vectors.finishStep();
  update(
    state,
    contributions.map(({ carrier }) => carrier),
    {
      gradient: gradient === undefined ? undefined : () => gradient,
      gradientNorm: () => (gradient === undefined ? 0 : Math.sqrt(state.vectors.squaredNorm(gradient))),
      weight: 1,
    },
  );
  for (const ticket of waiting) state.waits.remove(ticket);
  for (const contribution of contributions) answerContribution(state, contribution, before);
  afterUpdate(state, now);
}

interface Update {
  /** Byte offset of what the optimiser gets; undefined for nothing. Called at most once, just before it is applied. */
  readonly gradient: (() => number) | undefined;
  /** Of the gradient as it was pushed. */
  readonly gradientNorm: () => number;
  /** Factor on the learning rate. */
  readonly weight: number;
}

/** One version more, of these pushes. */
function update(state: ShardState, tickets: readonly PushTicket[], what: Update): void {
  const before = state.progress.version;
  applyUpdate(state, tickets, what);
  for (const ticket of tickets) countPush(state, ticket, before);
  const contributions = tickets.map((ticket) => contributionOf(ticket, before));
  state.progress.log.add({ version: before + 1, contributions });
}

/** A step in which nobody had samples changes no value and still is a step: the version counts it. */
function applyUpdate(
  state: ShardState,
  tickets: readonly PushTicket[],
  { gradient, gradientNorm, weight }: Update,
): void {
  const before = state.progress.version;
  const { clock, metrics, schedule } = state.options;
  const learningRate = weight * learningRateAt(schedule, state.baseLearningRate, before);
  const span = openApply(state, { tickets, before, learningRate, gradientNorm });
  const startedAtMs = clock.now();
  const look = state.vitals.begin(state.vectors.values(), startedAtMs);
  const norm = look === undefined ? 0 : gradientNorm();
  if (gradient !== undefined) state.vectors.apply(gradient(), learningRate);
  look?.(state.vectors.values(), norm);
  metrics.applied(clock.now() - startedAtMs);
  state.progress.version = before + 1;
  if (gradient !== undefined && state.canChange) state.changedAt = before + 1;
  closeApply(state, span);
}

/** Settles a push that is part of the version after `before`, or will be. */
function countPush(state: ShardState, ticket: PushTicket, before: number): void {
  const { sender, header } = ticket;
  const { progress } = state;
  const { counters } = progress;
  progress.filter.settle(sender.worker, sender.incarnation, header.sequence, before + 1);
  finishClock(state, ticket);
  if (header.batch !== null) progress.batches.add(header.batch, header.batches);
  const staleness = before - header.baseVersion;
  counters.counted += 1;
  counters.stalenessSum += staleness;
  counters.stalenessMax = Math.max(counters.stalenessMax, staleness);
  state.options.metrics.contributed(staleness);
  state.vitals.noteStaleness(staleness);
}

function contributionOf({ sender, header }: PushTicket, before: number): UpdateRecord["contributions"][number] {
  const { worker, incarnation } = sender;
  const { clock, batch, batches, baseVersion } = header;
  const several = batches === undefined ? {} : { batches };
  return { worker, incarnation, clock, batch, ...several, baseVersion, staleness: before - baseVersion };
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
    const { worker, incarnation } = ticket.sender;
    state.progress.filter.settle(worker, incarnation, ticket.header.sequence, version);
    state.progress.counters.duplicates += 1;
    acknowledge(state, ticket, { type: "push_duplicate", version }, before);
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
