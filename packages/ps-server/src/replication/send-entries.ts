/** A primary sends its log to one peer: pipelined, in order, and from the last acknowledged entry again after a failure. */
import { isShoalError, ShoalError } from "@shoal/errors";
import type { ReplicateReply } from "@shoal/protocol";
import type { ShardState } from "../shard/shard-state.ts";
import { entriesUnderWay, entryDeadlineOf } from "./bounds.ts";
import { decideAfterGap, retryAfterMs, type Peer } from "./peer.ts";
import type { Replication } from "./replication.ts";

/** What a call brings is told in the actor's turn, to a primary that still has the peer. */
export interface Sending {
  readonly state: ShardState;
  readonly replication: Replication;
  readonly peer: Peer;
  /** Called when the peer knows a higher term than this primary's. */
  readonly onDeposed: (reason: string) => void;
}

export function sendEntries(sending: Sending): void {
  const { state, replication, peer } = sending;
  while (peer.underWay < entriesUnderWay && peer.next <= replication.history.index) {
    const lent = replication.log.lend(peer.next);
    if (lent === undefined) {
      askForState(peer);
      return;
    }
    const { attempt } = peer;
    const { term } = replication;
    const entry = { ...lent.entry, shard: state.options.shard, term };
    peer.next += 1;
    peer.underWay += 1;
    const heard = (handle: () => void): void => {
      lent.returned();
      replication.turns.soon(() => {
        if (!replication.peers.includes(peer)) return;
        if (peer.attempt === attempt) peer.underWay -= 1;
        handle();
      });
    };
    void peer.connection.link.replicate(entry, { deadlineMs: entryDeadlineOf(entry.vector.byteLength) }).then(
      (reply) => heard(() => hearReply(sending, attempt, entry.index, reply)),
      (error: unknown) => heard(() => hearFailure(sending, attempt, term, error)),
    );
  }
}

function hearReply({ replication, peer }: Sending, attempt: number, sent: number, reply: ReplicateReply): void {
  if (reply.type === "replicated") {
    acknowledgeUpTo(peer, Math.min(reply.index, sent));
    return;
  }
  if (attempt !== peer.attempt) return;
  const decision = decideAfterGap(reply.index, sent, replication.log.first);
  beginAgain(peer);
  if (decision.kind === "fill") {
    askForState(peer);
  } else {
    acknowledgeUpTo(peer, 0);
    peer.next = decision.next;
    peer.needs = Math.min(peer.needs, decision.next);
  }
}

export function acknowledgeUpTo(peer: Peer, index: number): void {
  peer.failures = 0;
  peer.acked = Math.max(peer.acked, index);
  peer.needs = Math.max(peer.needs, peer.acked + 1);
}

export function hearFailure(
  { state, replication, peer, onDeposed }: Sending,
  attempt: number,
  term: number,
  error: unknown,
): void {
  if (isShoalError(error, "stale_term") && term === replication.term) {
    onDeposed(`${peer.holder.node}: ${ShoalError.from(error).message}`);
    return;
  }
  if (attempt !== peer.attempt) return;
  beginAgain(peer);
  peer.failures += 1;
  peer.notBeforeMs = state.options.clock.now() + retryAfterMs(peer.failures);
  peer.filling?.state.rewind();
  if (Number.isFinite(peer.needs)) peer.next = peer.needs;
}

/** What is under way is of an attempt that is over. */
export function beginAgain(peer: Peer): void {
  peer.attempt += 1;
  peer.underWay = 0;
}

/** The log cannot help this peer: nothing is kept for it until its state is on the way. */
export function askForState(peer: Peer): void {
  peer.wantsState = true;
  peer.filling = undefined;
  peer.needs = Number.POSITIVE_INFINITY;
}
