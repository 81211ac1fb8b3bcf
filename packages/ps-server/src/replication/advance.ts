/** What follows for a shard and its copies from what has come: called after every message of the shard's actor. */
import { considerClosing } from "../shard/close-step.ts";
import { applyStep } from "../shard/apply.ts";
import { takeUpDeferred } from "../shard/push.ts";
import { reconsiderPulls } from "../shard/pull.ts";
import { notifyListeners, type ShardState } from "../shard/shard-state.ts";
import { caughtUpEveryMs } from "./bounds.ts";
import { expireHeld } from "./hold-reply.ts";
import { hasRoom, makeChange } from "./log-change.ts";
import { blockersOf, committedIndex, isNear, isWaitedFor, longerPatience, neededFrom, type Peer } from "./peer.ts";
import type { Replication } from "./replication.ts";
import { askForState, beginAgain, sendEntries, type Sending } from "./send-entries.ts";
import { beginToFill, sendState } from "./send-state.ts";
import { stepDown } from "./step-down.ts";
import { membersChange } from "./take-seat.ts";

/** @param now clock time, ms */
export function advance(state: ShardState, now: number): void {
  const { replication } = state;
  if (replication === undefined) return;
  const hadRoom = hasRoom(state);
  for (const action of replication.turns.take()) action();
  if (replication.role !== "primary") return;
  commit(state, replication);
  expireHeld(state, now);
  dropSlowLearners(replication, now);
  if (!hadRoom || isHeldUp(state, replication)) useRoom(state, replication, now);
  for (const peer of replication.peers) send(state, replication, peer, now);
  askForTurns(replication, now);
}

/** Releases what depends on entries that every replica has by now, and forgets what nobody needs. */
function commit(state: ShardState, replication: Replication): void {
  const { history, peers, log, madeAtMs, held } = replication;
  const committed = committedIndex(history.index, peers);
  const { clock, metrics } = state.options;
  for (let index = replication.committed + 1; index <= committed && madeAtMs.size > 0; index += 1) {
    const madeAt = madeAtMs.get(index);
    if (madeAt === undefined) continue;
    madeAtMs.delete(index);
    metrics.replicated(clock.now() - madeAt);
  }
  replication.committed = Math.max(replication.committed, committed);
  log.forgetBelow(neededFrom(history.index, peers));
  held.release(committed);
}

/** A learner that falls behind holds up updates for a while, longer each time; then it is filled afresh. */
function dropSlowLearners({ log, peers }: Replication, now: number): void {
  const blockers = log.hasRoom ? [] : blockersOf(log.first, peers);
  for (const peer of peers) {
    if (!blockers.includes(peer) || isWaitedFor(peer)) {
      peer.stalledSinceMs = undefined;
      continue;
    }
    peer.stalledSinceMs ??= now;
    if (now - peer.stalledSinceMs < peer.patienceMs) continue;
    peer.stalledSinceMs = undefined;
    peer.patienceMs = longerPatience(peer.patienceMs);
    beginAgain(peer);
    askForState(peer);
  }
  log.forgetBelow(peers.reduce((least, { needs }) => Math.min(least, needs), Number.POSITIVE_INFINITY));
}

function isHeldUp(state: ShardState, { deferred, newestMembers }: Replication): boolean {
  return deferred.length > 0 || newestMembers !== undefined || state.barrier.isComplete;
}

/** Goes on with what waited for room in the log. */
function useRoom(state: ShardState, replication: Replication, now: number): void {
  const { newestMembers } = replication;
  if (newestMembers !== undefined && replication.log.hasReserve) {
    replication.newestMembers = undefined;
    if (newestMembers.revision > state.roster.members.revision) makeChange(state, membersChange(newestMembers));
  }
  if (!hasRoom(state)) return;
  if (state.barrier.isComplete) applyStep(state, now);
  else considerClosing(state, now);
  takeUpDeferred(state, now);
  reconsiderPulls(state, now);
  notifyListeners(state);
}

function send(state: ShardState, replication: Replication, peer: Peer, now: number): void {
  const onDeposed = (): void => {
    if (replication.role === "primary") stepDown(state, replication, state.options.clock.now());
  };
  const sending: Sending = { state, replication, peer, onDeposed };
  if (peer.notBeforeMs > now) return;
  beginToFill(sending);
  if (peer.filling !== undefined) sendState(sending);
  else if (!peer.wantsState) sendEntries(sending);
  reportCaughtUp(replication, peer, now);
}

/**
 * A learner that is near is waited for from then on, and reported as soon as it has all that was acknowledged before: with
 * the next seat it may be a replica, or even the primary. One that fails before it was reported is not waited for any more.
 */
function reportCaughtUp({ history, committed, term, options }: Replication, peer: Peer, now: number): void {
  if (peer.role !== "learner") return;
  if (peer.reportedAtMs === undefined) {
    peer.isCounted = peer.failures === 0 && isNear(peer, history.index);
    if (!peer.isCounted || peer.acked < committed) return;
  } else if (now - peer.reportedAtMs < caughtUpEveryMs) return;
  peer.reportedAtMs = now;
  options.onCaughtUp(term, peer.holder.member);
}

/** What is due has been done, or waits for something else that is not. */
function askForTurns({ peers, held, turns }: Replication, now: number): void {
  let next = Number.POSITIVE_INFINITY;
  const due = (atMs: number): void => {
    if (atMs > now && atMs < next) next = atMs;
  };
  due(held.nextDeadline());
  for (const { notBeforeMs, stalledSinceMs, patienceMs, role, reportedAtMs } of peers) {
    due(notBeforeMs);
    if (stalledSinceMs !== undefined) due(stalledSinceMs + patienceMs);
    if (role === "learner" && reportedAtMs !== undefined) due(reportedAtMs + caughtUpEveryMs);
  }
  if (Number.isFinite(next)) turns.at(next);
}
