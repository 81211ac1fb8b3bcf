/** How a shard handles a push: check, decide, change its state, reply. */
import { maximumDeferred } from "../replication/bounds.ts";
import { contributionOf, hasRoom, makeChange } from "../replication/log-change.ts";
import { applyPush, applyStep } from "./apply.ts";
import { maximumRequestsPerSlot } from "./barrier.ts";
import { checkGradient, findHeaderFault } from "./check-push.ts";
import { considerClosing } from "./close-step.ts";
import { consistencyNow } from "./consistency-now.ts";
import { decidePush, type PushDecision } from "./consistency.ts";
import { makeUpFor } from "./lost-updates.ts";
import { reconsiderPulls } from "./pull.ts";
import { gatherPushFacts } from "./push-facts.ts";
import { refusePush } from "./refuse-push.ts";
import { turnAway } from "./replies.ts";
import { isSamePush, refusal, type PushArrival, type PushCommand, type PushTicket } from "./requests.ts";
import { describeShard, notifyListeners, type ShardState } from "./shard-state.ts";
import { openTrace } from "./spans.ts";

/** @param now clock time, ms */
export function handlePush(state: ShardState, command: PushCommand, now: number): void {
  state.bytesMoved += command.push.gradient.byteLength;
  const arrival: PushArrival = { command, ticket: createTicket(command, now), now };
  const fault = findHeaderFault(arrival.ticket.header);
  if (fault !== undefined) {
    refusePush(state, arrival, refusal("invalid_argument", `push of ${command.sender.name}: ${fault}`));
  } else if (mustBeDeferred(state)) defer(state, arrival);
  else takeUp(state, arrival);
}

function takeUp(state: ShardState, arrival: PushArrival): void {
  carryOut(state, arrival, decidePush(gatherPushFacts(state, arrival.ticket)));
}

/** Pushes that are applied as they come wait while the log of the shard's replicas has no room for them. */
function mustBeDeferred(state: ShardState): boolean {
  const { replication } = state;
  if (replication === undefined || consistencyNow(state).mode === "synchronous") return false;
  return replication.deferred.length > 0 || !hasRoom(state);
}

function defer(state: ShardState, arrival: PushArrival): void {
  const deferred = state.replication?.deferred ?? [];
  if (state.waits.isFull || deferred.length >= maximumDeferred) {
    const sentence = `${describeShard(state)}: too many pushes wait for its replicas already`;
    refusePush(state, arrival, refusal("mailbox_full", sentence, { shard: state.options.shard }));
    return;
  }
  deferred.push(arrival);
  state.waits.add(arrival.ticket);
}

/** Takes up the pushes that were deferred, as far as there is room by now. */
export function takeUpDeferred(state: ShardState, now: number): void {
  const deferred = state.replication?.deferred ?? [];
  while (deferred.length > 0 && hasRoom(state)) {
    const arrival = deferred.shift();
    if (arrival === undefined) return;
    state.waits.remove(arrival.ticket);
    takeUp(state, { ...arrival, now });
  }
}

function createTicket(command: PushCommand, now: number): PushTicket {
  const { shard, sequence, clock, baseVersion, batch, batches, samples, encoding } = command.push;
  return {
    kind: "push",
    sender: command.sender,
    trace: openTrace("queue", now),
    sinceMs: now,
    deadlineAtMs: now + command.deadlineMs,
    header: { shard, sequence, clock, baseVersion, batch, batches, samples, encoding },
    replyTo: command.replyTo,
  };
}

function carryOut(state: ShardState, arrival: PushArrival, decision: PushDecision): void {
  const { progress } = state;
  switch (decision.kind) {
    case "refuse": {
      const sentence = `${describeShard(state)} refuses the push of ${arrival.ticket.sender.name}: ${decision.reason}`;
      refusePush(state, arrival, refusal(decision.code, sentence, { shard: state.options.shard }));
      return;
    }
    case "catch_up": {
      if (makeUpFor(state, decision.version, arrival.now)) {
        takeUp(state, arrival);
        return;
      }
      const sentence = `${describeShard(state)}: ${decision.reason}, and its replicas have not got what came before`;
      refusePush(state, arrival, refusal("mailbox_full", sentence, { shard: state.options.shard }));
      return;
    }
    case "duplicate":
      progress.counters.duplicates += 1;
      passOver(state, arrival, decision);
      return;
    case "stale_clock":
      noteArrival(state, arrival);
      rejectAs(state, arrival, "stale_clock");
      return;
    case "too_stale": {
      const { worker } = arrival.ticket.sender;
      state.tooStale.set(worker, (state.tooStale.get(worker) ?? 0) + 1);
      rejectAs(state, arrival, "too_stale");
      return;
    }
    case "await":
      if (hasPlace(state, arrival, decision.slot)) {
        arrival.command.release();
        joinSlot(state, arrival, decision.slot);
      }
      return;
    case "apply":
    case "contribute":
    case "replace":
      takeGradient(state, arrival, decision);
  }
}

/** When contributions come is what the shard predicts the next ones by, late ones included. */
function noteArrival({ arrivals, options }: ShardState, { ticket, now }: PushArrival): void {
  const { batch, clock } = ticket.header;
  if (batch !== null) arrivals?.arrived(batch % options.slots, clock, now);
}

/** A push that is worth nothing any more: its sender goes on from newer values. */
function rejectAs(state: ShardState, arrival: PushArrival, reason: "stale_clock" | "too_stale"): void {
  const { progress } = state;
  const { version } = progress;
  progress.counters.rejected += 1;
  arrival.command.release();
  turnAway(state, arrival.ticket, { type: "push_rejected", reason, version }, arrival.now);
}

/**
 * Answers a push that changes no value. Its worker has finished the iteration all the same: a batch that somebody else
 * brought must not leave its clock behind.
 */
function passOver(
  state: ShardState,
  { command, ticket, now }: PushArrival,
  { version, of }: Extract<PushDecision, { kind: "duplicate" }>,
): void {
  const { sender, header } = ticket;
  const { filter } = state.progress;
  command.release();
  if (filter.sight(sender.worker, sender.incarnation, header.sequence).kind === "unseen") {
    const contributions = [contributionOf(ticket)];
    makeChange(state, { kind: "settle", contributions, weight: 1, vector: undefined, members: null });
  }
  turnAway(state, ticket, { type: "push_duplicate", version, ...(of && { of }) }, now);
  reconsiderPulls(state, now);
}

type Taking = Extract<PushDecision, { kind: "apply" | "contribute" | "replace" }>;

function takeGradient(state: ShardState, arrival: PushArrival, how: Taking): void {
  const { command, ticket, now } = arrival;
  const gradient = checkGradient(state, command);
  if ("type" in gradient) {
    refusePush(state, arrival, gradient);
  } else if (how.kind === "apply") {
    applyPush(state, ticket, gradient, command.release, now);
  } else if (hasPlace(state, arrival, how.slot)) {
    if (how.kind === "replace") {
      state.barrier.replace(ticket, how.slot, gradient.payload, command.release);
      joinSlot(state, arrival, how.slot);
      return;
    }
    state.waits.add(ticket);
    state.barrier.place(ticket, how.slot, gradient.payload, command.release);
    noteArrival(state, arrival);
    if (state.barrier.isComplete) applyStep(state, now);
    else notifyListeners(state);
    considerClosing(state, now);
  }
}

/** Refuses a push for which no place to wait is left, neither at the shard nor at its slot. */
function hasPlace(state: ShardState, arrival: PushArrival, slot: number): boolean {
  const requests = state.barrier.at(slot)?.requests ?? [];
  const isRepetition = requests.some((other) => isSamePush(other, arrival.ticket));
  if (isRepetition || (!state.waits.isFull && requests.length < maximumRequestsPerSlot)) return true;
  const sentence = `${describeShard(state)}: too many requests wait already`;
  refusePush(state, arrival, refusal("mailbox_full", sentence, { shard: state.options.shard }));
  return false;
}

/** Lets a push wait for a filled slot; a repetition takes the place of the request that it repeats. */
function joinSlot(state: ShardState, arrival: PushArrival, slot: number): void {
  const { ticket, now } = arrival;
  const requests = state.barrier.at(slot)?.requests ?? [];
  const repeated = requests.findIndex((other) => isSamePush(other, ticket));
  const former = repeated < 0 ? undefined : requests.splice(repeated, 1)[0];
  if (former !== undefined) {
    state.waits.remove(former);
    const sentence = `${ticket.sender.name} has repeated its push ${ticket.header.sequence} to ${describeShard(state)}`;
    turnAway(state, former, refusal("cancelled", sentence), now);
  }
  requests.push(ticket);
  state.waits.add(ticket);
}
