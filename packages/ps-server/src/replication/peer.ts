/** What a primary knows of one other holder of its shard, and when it may go on without it: pure decisions. */
import type { SeatHolder } from "@shoal/protocol";
import type { EncodedState } from "../state-file/encode-state.ts";
import { entriesUnderWay, firstRetryMs, learnerPatienceMs, longestPatienceMs, longestRetryMs } from "./bounds.ts";
import type { PeerLink } from "./replication.ts";

export interface Peer {
  readonly holder: SeatHolder;
  readonly connection: PeerLink;
  role: "replica" | "learner";
  /** Has all entries up to here, for certain. */
  acked: number;
  /** The lowest entry that it may still be sent; infinity while it waits to be filled. */
  needs: number;
  /** The entry that it is sent next. */
  next: number;
  /** Calls that have not settled, of this attempt. */
  underWay: number;
  /** Counts the attempts: what an earlier one still brings is not heard, but for acknowledgements. */
  attempt: number;
  failures: number;
  /** Nothing is sent before this clock time, ms. */
  notBeforeMs: number;
  /** Has not got what it would need to go on, and waits for a state. */
  wantsState: boolean;
  filling: Filling | undefined;
  /** Learner: updates have been waiting for it since, ms. */
  stalledSinceMs: number | undefined;
  patienceMs: number;
  /** Learner: it has come so near that it is waited for, and is reported once it has all that was acknowledged. */
  isCounted: boolean;
  /** When it was reported last, ms. */
  reportedAtMs: number | undefined;
}

/** A state on its way. */
export interface Filling {
  readonly state: EncodedState;
  /** Newest entry in it. */
  readonly index: number;
}

/** @param next the entry that it is sent first */
export function createPeer(holder: SeatHolder, role: Peer["role"], connection: PeerLink, next: number): Peer {
  return {
    ...{ holder, role, connection, acked: 0, needs: next, next, underWay: 0, attempt: 0, failures: 0, notBeforeMs: 0 },
    ...{ wantsState: false, filling: undefined, stalledSinceMs: undefined },
    ...{ patienceMs: learnerPatienceMs, isCounted: false, reportedAtMs: undefined },
  };
}

/** A learner that has been reported may become a replica at any moment: what is acknowledged must be there as well. */
export function isWaitedFor({ role, isCounted }: Pick<Peer, "role" | "isCounted">): boolean {
  return role === "replica" || isCounted;
}

/** Whether a peer has all entries, or all but those on their way. @param index the newest */
export function isNear({ acked, filling, wantsState }: Peer, index: number): boolean {
  return acked > 0 && filling === undefined && !wantsState && index - acked <= entriesUnderWay;
}

/** The newest entry that everybody has who is waited for. */
export function committedIndex(index: number, peers: readonly Peer[]): number {
  return peers.reduce((least, peer) => (isWaitedFor(peer) ? Math.min(least, peer.acked) : least), index);
}

/** Everything from here on is still needed by somebody. */
export function neededFrom(index: number, peers: readonly Peer[]): number {
  return peers.reduce((least, { needs }) => Math.min(least, needs), index + 1);
}

/** Those who hold up the log, the slowest. */
export function blockersOf(first: number, peers: readonly Peer[]): readonly Peer[] {
  return peers.filter(({ needs }) => needs <= first);
}

export function retryAfterMs(failures: number): number {
  return Math.min(longestRetryMs, firstRetryMs * 2 ** Math.max(0, failures - 1));
}

export function longerPatience(patienceMs: number): number {
  return Math.min(longestPatienceMs, 2 * patienceMs);
}

export type GapDecision =
  | { readonly kind: "resume"; readonly next: number; readonly reason: string }
  | { readonly kind: "fill"; readonly reason: string };

/** What follows when a peer cannot use the entry that it was sent. @param index what it said; @param first that is kept */
export function decideAfterGap(index: number, sent: number, first: number): GapDecision {
  if (index + 1 === sent) return { kind: "fill", reason: "it has another history" };
  if (index + 1 < first) return { kind: "fill", reason: `entry ${index + 1} is not kept any more` };
  return { kind: "resume", next: index + 1, reason: `it has the entries up to ${index}` };
}
