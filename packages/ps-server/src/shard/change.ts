/**
 * What a shard does to its state, apart from who asked for it: the primary carries a change out and writes it into its
 * log, its replicas carry the same change out by the same code.
 *
 * Invariant  The state after a change depends on the state before and the change alone: a replica that has carried out
 *            the changes 1 … i has the primary's bits.
 */
import { learningRateAt } from "@shoal/optimization";
import type { LogEntryKind, LoggedContribution, RunMembers, UpdateRecord } from "@shoal/protocol";
import { applyMembers } from "./apply-members.ts";
import { consistencyNow, countedClock } from "./consistency-now.ts";

import type { PushBuffer } from "./push-buffer.ts";
import type { PushTicket } from "./requests.ts";
import type { ShardState } from "./shard-state.ts";
import { closeApply, openApply } from "./spans.ts";

export interface Change {
  readonly kind: LogEntryKind;
  /** In the order in which they were folded. */
  readonly contributions: readonly LoggedContribution[];
  /** Factor on the learning rate; in a buffer on the gradient. */
  readonly weight: number;
  /**
   * [size] float32: first values, the gradient before its compensation, or what a worker has where that is not the
   * values; undefined without one. In kernel memory, unless the kind is `initialize`. Borrowed.
   */
  readonly vector: Float32Array | undefined;
  /** Where the kind is `members`, else null. */
  readonly members: RunMembers | null;
}

/** The pushes behind a change, for its span and the metrics; replicas have none. */
export interface Observed {
  readonly tickets: readonly PushTicket[];
  /** Of the gradient as it was pushed. */
  readonly gradientNorm: () => number;
}

/** @throws ShoalError out_of_memory - by "remember" alone; nothing is changed then */
export function carryOut(state: ShardState, change: Change, observed?: Observed): void {
  const { contributions, vector } = change;
  switch (change.kind) {
    case "initialize":
      if (vector !== undefined) state.vectors.write(vector);
      state.progress.initialized = true;
      return;
    case "update":
      update(state, change, observed);
      return;
    case "buffer":
      for (const contribution of contributions) buffer(state, contribution, change, observed);
      return;
    case "remember":
      for (const { worker } of contributions)
        state.vectors.remember(worker, state.progress.version, heldIn(state, vector));
      return;
    case "settle":
      for (const contribution of contributions) {
        const { worker, incarnation, sequence } = contribution;
        state.progress.filter.settle(worker, incarnation, sequence, state.progress.version);
        finishClock(state, contribution);
      }
      return;
    case "members":
      if (change.members !== null) applyMembers(state, change.members);
  }
}

/** Where the values stand that a worker has: in the vector, or, without one, the shard's own. */
function heldIn({ vectors }: ShardState, vector: Float32Array | undefined): number {
  const held = vector === undefined ? undefined : vectors.offsetOf(vector);
  return held ?? vectors.values().byteOffset;
}

/** One version more, of these pushes. */
function update(state: ShardState, { contributions, weight, vector }: Change, observed: Observed | undefined): void {
  const before = state.progress.version;
  const offset = vector === undefined ? undefined : state.vectors.offsetOf(vector);
  const isStep = consistencyNow(state).mode === "synchronous";
  const summands = contributions.filter(({ samples }) => samples > 0).length;
  const summed = isStep && state.options.aggregation === "sum" ? Math.max(summands, 1) : 1;
  const gradient =
    offset === undefined ? undefined : () => (isStep ? offset : compensate(state, contributions, offset));
  if (isStep) state.vectors.keepFormer(before);
  applyUpdate(state, { gradient, weight, summed }, observed);
  for (const contribution of contributions) count(state, contribution, before, observed !== undefined);
  state.progress.log.add({ version: before + 1, contributions: contributions.map((it) => recordOf(it, before)) });
}

/** The push of one worker, with what came between its pull and now taken into account where the job asks for it. */
function compensate({ vectors }: ShardState, [push]: readonly LoggedContribution[], gradient: number): number {
  return push === undefined ? gradient : vectors.compensate(push.worker, push.baseVersion, gradient);
}

function buffer(
  state: ShardState,
  contribution: LoggedContribution,
  { vector, weight }: Change,
  observed: Observed | undefined,
): void {
  const { buffer: pushes } = state.vectors;
  if (pushes === undefined) throw new RangeError("a push for the buffer came to a shard that has none");
  const before = state.progress.version;
  const offset = vector === undefined ? undefined : state.vectors.offsetOf(vector);
  pushes.add(
    recordOf(contribution, before),
    offset === undefined ? undefined : compensate(state, [contribution], offset),
    weight,
  );
  // It counts from now on, in the version that the full buffer makes: nothing that is acknowledged is lost.
  count(state, contribution, before, observed !== undefined);
  if (pushes.isFull) applyBuffer(state, pushes, observed);
}

/** Applies the mean of a full buffer. */
function applyBuffer(state: ShardState, pushes: PushBuffer, observed: Observed | undefined): void {
  const { gradient: mean, contributions } = pushes.take();
  const gradientNorm = (): number => (mean === undefined ? 0 : Math.sqrt(state.vectors.squaredNorm(mean)));
  const gradient = mean === undefined ? undefined : () => mean;
  applyUpdate(state, { gradient, weight: 1, summed: 1 }, observed && { ...observed, gradientNorm });
  state.progress.log.add({ version: state.progress.version, contributions });
}

interface Update {
  /** Byte offset of what the optimiser gets; undefined for nothing. Called at most once, just before it is applied. */
  readonly gradient: (() => number) | undefined;
  readonly weight: number;
  /** Contributions that the gradient is the plain sum of. */
  readonly summed: number;
}

/** A step in which nobody had samples changes no value and still is a step: the version counts it. */
function applyUpdate(state: ShardState, { gradient, weight, summed }: Update, observed: Observed | undefined): void {
  const before = state.progress.version;
  const { clock, metrics, schedule } = state.options;
  const learningRate = weight * learningRateAt(schedule, state.baseLearningRate, before);
  const span = observed && openApply(state, { ...observed, before, learningRate });
  const startedAtMs = clock.now();
  const look = observed && state.vitals.begin(state.vectors.values(), startedAtMs);
  const norm = look === undefined ? 0 : (observed?.gradientNorm() ?? 0);
  if (gradient !== undefined) state.vectors.apply(gradient(), learningRate, summed);
  look?.(state.vectors.values(), norm);
  state.progress.version = before + 1;
  if (gradient !== undefined && state.canChange) state.changedAt = before + 1;
  if (span === undefined) return;
  metrics.applied(clock.now() - startedAtMs);
  closeApply(state, span);
}

/** Settles a push that is part of the version after `before`, or will be. */
function count(state: ShardState, contribution: LoggedContribution, before: number, isObserved: boolean): void {
  const { worker, incarnation, sequence, batch, batches, baseVersion } = contribution;
  const { progress } = state;
  const { counters } = progress;
  progress.filter.settle(worker, incarnation, sequence, before + 1);
  finishClock(state, contribution);
  if (batch !== null) progress.batches.add(batch, batches);
  const staleness = before - baseVersion;
  counters.counted += 1;
  counters.stalenessSum += staleness;
  counters.stalenessMax = Math.max(counters.stalenessMax, staleness);
  state.vitals.noteStaleness(staleness);
  if (isObserved) state.options.metrics.contributed(staleness);
}

/**
 * A worker has finished an iteration, as far as the bound counts it. The iterations of a warm-up are nobody's: after it
 * all workers begin to be counted from the same clock.
 */
function finishClock(state: ShardState, { worker, incarnation, clock }: LoggedContribution): void {
  if (clock < countedClock(state.options.consistency, clock)) return;
  state.progress.clocks.finish(worker, incarnation, clock);
}

function recordOf(contribution: LoggedContribution, before: number): UpdateRecord["contributions"][number] {
  const { worker, incarnation, clock, batch, batches, baseVersion } = contribution;
  const several = batches === undefined ? {} : { batches };
  return { worker, incarnation, clock, batch, ...several, baseVersion, staleness: before - baseVersion };
}
