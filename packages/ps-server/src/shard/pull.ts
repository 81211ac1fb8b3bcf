/** How a shard handles a pull: answers it when its gate is open, and lists it otherwise. */
import { ShoalError } from "@shoal/errors";
import type { PullReply } from "@shoal/protocol";
import { explainRoom } from "../replication/explain-room.ts";
import { hasRoom, makeChange } from "../replication/log-change.ts";
import { consistencyNow, countedClock } from "./consistency-now.ts";
import { decidePull, type PullDecision, type PullFacts } from "./consistency.ts";
import { refusal, type PullCommand, type PullTicket } from "./requests.ts";
import { answerPull } from "./replies.ts";
import { refusalOf } from "./roster.ts";
import { describeShard, type ShardState } from "./shard-state.ts";
import { openTrace } from "./spans.ts";

/** Names that a list of those waited for holds at most. */
export const maximumNames = 64;

export function handlePull(state: ShardState, command: PullCommand, now: number): void {
  const { sender, clock, deadlineMs, have, former = false, receive, hasRoom, replyTo } = command;
  const counted = countedClock(state.options.consistency, clock);
  const position = state.progress.clocks.show(sender.worker, sender.incarnation, counted);
  const ticket: PullTicket = {
    kind: "pull",
    sender,
    trace: openTrace("read", now),
    sinceMs: now,
    deadlineAtMs: now + deadlineMs,
    clock,
    position,
    have,
    former,
    receive,
    hasRoom,
    replyTo,
    waitedFor: [],
  };
  if (tryToAnswer(state, ticket, now)) return;
  if (state.waits.isFull) {
    answerPull(state, ticket, refusal("mailbox_full", `${describeShard(state)}: too many requests wait already`), now);
  } else state.waits.add(ticket);
}

/** Answers every waiting pull whose gate is open by now, in the order in which they came. */
export function reconsiderPulls(state: ShardState, now: number): void {
  for (const ticket of state.waits.list()) {
    if (ticket.kind !== "pull" || !tryToAnswer(state, ticket, now)) continue;
    state.waits.remove(ticket);
    state.bound.waited(ticket.sinceMs, now);
  }
}

/** @returns false when the pull has to wait; its ticket then says for whom */
function tryToAnswer(state: ShardState, ticket: PullTicket, now: number): boolean {
  const decision = decideNow(state, ticket);
  if (decision.kind === "wait") {
    ticket.waitedFor = decision.waitingFor;
    return false;
  }
  const { values, version } = chooseValues(state, ticket);
  if (ticket.hasRoom?.() === false) {
    // It comes again; what it cannot take now must not be written down as given.
    answerPull(state, ticket, { type: "values", version }, now);
    return true;
  }
  try {
    const { held, ...how } = values === undefined ? handOver(state, ticket) : handOverFormer(ticket, values, version);
    if (held !== undefined && takesPart(state, ticket)) remember(state, ticket, held);
    answerPull(state, ticket, { type: "values", version, ...how }, now);
  } catch (error) {
    // The receiver's own failure: it costs its sender an error and nobody else anything.
    answerPull(state, ticket, { type: "refused", error: ShoalError.from(error).toJSON() }, now);
  }
  return true;
}

/**
 * The compensation of delays keeps what the worker has, with the replicas as well.
 * @param held where that stands: the values themselves, or what a lossy encoding has made of them
 */
function remember(state: ShardState, { sender, clock }: PullTicket, held: number): void {
  const { vectors, progress } = state;
  if (vectors.compensation === undefined) return;
  const { worker, incarnation } = sender;
  const pulled = { worker, incarnation, sequence: 0, clock, batch: null, samples: 0 };
  const contributions = [{ ...pulled, baseVersion: progress.version }];
  const vector = held === vectors.values().byteOffset ? undefined : vectors.view(held);
  makeChange(state, { kind: "remember", contributions, weight: 1, vector, members: null });
}

/** Who asks for the step before gets its values, if they are kept. @returns `values`: undefined for those of now */
function chooseValues(
  { vectors, progress }: ShardState,
  { former, clock }: PullTicket,
): { readonly values: Float32Array | undefined; readonly version: number } {
  const values = former && clock < progress.version ? vectors.former(clock) : undefined;
  return { values, version: values === undefined ? progress.version : clock };
}

/** Whole; the worker then has nothing that a later difference could build on. */
function handOverFormer(
  { have, receive }: PullTicket,
  values: Float32Array,
  version: number,
): { readonly stamp?: number; readonly held: undefined } {
  receive(values, version);
  return { ...(have !== undefined && { stamp: 0 }), held: undefined };
}

/** Gives the values in the form that suits what the worker has. @returns `held`: where that stands which it has then */
function handOver(
  state: ShardState,
  ticket: PullTicket,
): Pick<PullReply, "stamp" | "form"> & { readonly held: number } {
  const { sender, have, receive } = ticket;
  const { vectors, given, changedAt, progress } = state;
  const { version } = progress;
  const values = vectors.values();
  if (have === undefined || !takesPart(state, ticket)) {
    receive(values, version);
    state.bytesMoved += values.byteLength;
    return { ...(have !== undefined && { stamp: 0 }), held: values.byteOffset };
  }
  const { stamp, form, difference, held } = given.give(sender, have, version, changedAt, values.byteOffset);
  if (difference !== undefined) receive(difference, version, "difference");
  else if (form === undefined) receive(values, version);
  state.bytesMoved += (difference ?? (form === undefined ? values : undefined))?.byteLength ?? 0;
  return form === undefined ? { stamp, held } : { stamp, form, held };
}

/** Anybody may read; only of those who push does the shard keep what they were given. */
function takesPart({ roster }: ShardState, { sender }: PullTicket): boolean {
  return refusalOf(roster, sender) === undefined;
}

/** Whether a pull may be answered as things stand. */
export function decideNow(state: ShardState, ticket: PullTicket): PullDecision {
  const decision = decidePull(gatherPullFacts(state, ticket));
  return decision.kind === "wait" ? decision : (waitForReplicas(state, ticket) ?? decision);
}

/** A worker reads its own pushes, also those that wait for room in the log; what is remembered needs room as well. */
function waitForReplicas(state: ShardState, { sender }: PullTicket): PullDecision | undefined {
  const { replication, vectors } = state;
  if (replication === undefined) return undefined;
  const isBehind = replication.deferred.some(({ ticket }) => ticket.sender.worker === sender.worker);
  if (!isBehind && (vectors.compensation === undefined || hasRoom(state))) return undefined;
  return { kind: "wait", ...explainRoom(state) };
}

function gatherPullFacts(state: ShardState, ticket: PullTicket): PullFacts {
  const { roster, progress } = state;
  return {
    consistency: consistencyNow(state),
    initialized: progress.initialized,
    version: progress.version,
    clock: ticket.clock,
    position: ticket.position,
    workers: () => roster.members.workers.slice(0, maximumNames).map(({ name }) => name),
    missing: () => missingOwners(state),
    below: (clock) =>
      progress.clocks
        .below(clock)
        .filter(({ worker }) => worker !== ticket.sender.worker)
        .slice(0, maximumNames)
        .map(({ worker }) => roster.nameOf(worker)),
  };
}

/** Names of those whose contribution to the current step has not come, without repetition. */
export function missingOwners(state: ShardState): readonly string[] {
  return [...new Set(state.barrier.empty(maximumNames).map((slot) => state.roster.ownerOf(slot)))];
}
