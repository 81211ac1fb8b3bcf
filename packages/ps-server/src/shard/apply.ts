/** Applies updates: one push at a time, or a whole synchronous step. */
import { learningRateAt, stalenessWeight, type ResolvedStalenessWeight } from "@shoal/optimization";
import type { PushReply } from "@shoal/protocol";
import type { Contribution } from "./barrier.ts";
import type { CheckedGradient } from "./check-push.ts";
import { maximumNames, reconsiderPulls } from "./pull.ts";
import { acknowledge } from "./replies.ts";
import { isSamePush, type PushTicket } from "./requests.ts";
import { notifyListeners, type ShardState } from "./shard-state.ts";
import { closeApply, endQueue, openApply } from "./spans.ts";

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
  update(state, [ticket], {
    gradient:
      gradient.offset === 0
        ? undefined
        : () => state.vectors.compensate(sender.worker, header.baseVersion, gradient.offset),
    gradientNorm: () => Math.sqrt(gradient.squaredNorm),
    weight: stalenessWeight(weightRuleOf(state), before - header.baseVersion),
  });
  release();
  acknowledge(state, ticket, appliedReply(ticket, before), before);
  afterUpdate(state, now);
}

/** The job's rule, until the run's guard has fallen back to inverse weights. */
function weightRuleOf({ roster, options }: ShardState): ResolvedStalenessWeight {
  return roster.members.fallBack === true ? { name: "inverse" } : options.staleness.weight;
}

/** Applies the complete step of the barrier and answers all who waited for it. */
export function applyStep(state: ShardState, now: number): void {
  const before = state.progress.version;
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

/** One version more. A step in which nobody had samples changes no value and still is a step: the version counts it. */
function update(state: ShardState, tickets: readonly PushTicket[], { gradient, gradientNorm, weight }: Update): void {
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
  record(state, tickets, before);
  closeApply(state, span);
}

function record(state: ShardState, tickets: readonly PushTicket[], before: number): void {
  const { progress } = state;
  const { counters } = progress;
  const version = before + 1;
  progress.version = version;
  for (const { sender, header } of tickets) {
    progress.filter.settle(sender.worker, sender.incarnation, header.sequence, version);
    progress.clocks.finish(sender.worker, sender.incarnation, header.clock);
    if (header.batch !== null) progress.batches.add(header.batch);
    const staleness = before - header.baseVersion;
    counters.counted += 1;
    counters.stalenessSum += staleness;
    counters.stalenessMax = Math.max(counters.stalenessMax, staleness);
    state.options.metrics.contributed(staleness);
    state.vitals.noteStaleness(staleness);
  }
  const contributions = tickets.map(({ sender, header }) => ({
    worker: sender.worker,
    incarnation: sender.incarnation,
    clock: header.clock,
    batch: header.batch,
    baseVersion: header.baseVersion,
    staleness: before - header.baseVersion,
  }));
  progress.log.add({ version, contributions });
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
  notifyListeners(state);
}
