/**
 * A primary fills a peer: its state as it is now, copied once, in parts; the entries that come meanwhile follow from the
 * log.
 *
 * Bounds  One state on its way at a time for each shard: a copy of its vectors, beside them.
 */
import { ShoalError } from "@shoal/errors";
import { maximumInstallBytes, type InstallReply } from "@shoal/protocol";
import type { ShardState } from "../shard/shard-state.ts";
import { takeSnapshot } from "../shard/snapshot.ts";
import { encodeState, type EncodedState } from "../state-file/encode-state.ts";
import { partDeadlineMs, partsUnderWay } from "./bounds.ts";
import { acknowledgeUpTo, beginAgain, hearFailure, type Sending } from "./send-entries.ts";

/** Takes the state for a peer that waits for one, unless another peer is being filled. */
export function beginToFill({ state, replication, peer }: Sending): void {
  if (!peer.wantsState || replication.peers.some(({ filling }) => filling !== undefined)) return;
  const { index } = replication.history;
  beginAgain(peer);
  peer.wantsState = false;
  peer.filling = { state: encodeCopy(state), index };
  peer.needs = index + 1;
  peer.next = index + 1;
}

/** All that a copy of a shard consists of. */
function encodeCopy(state: ShardState): EncodedState {
  const { history } = state.replication ?? { history: { index: 0, madeIn: 0 } };
  const { index, madeIn } = history;
  return encodeState({ snapshot: takeSnapshot(state), index, madeIn, members: state.roster.members });
}

export function sendState(sending: Sending): void {
  const { state, replication, peer } = sending;
  const { filling, attempt } = peer;
  if (filling === undefined) return;
  while (peer.underWay < partsUnderWay) {
    const bytes = filling.state.next(maximumInstallBytes);
    if (bytes === undefined) return;
    const { totalBytes, position } = filling.state;
    const { term } = replication;
    const part = { shard: state.options.shard, term, index: filling.index, totalBytes, bytes };
    peer.underWay += 1;
    const heard = (handle: () => void): void =>
      replication.turns.soon(() => {
        if (!replication.peers.includes(peer)) return;
        if (peer.attempt === attempt) peer.underWay -= 1;
        handle();
      });
    void peer.connection.link
      .install({ ...part, offset: position - bytes.length }, { deadlineMs: partDeadlineMs })
      .then(
        (reply) => heard(() => hearInstalled(sending, attempt, reply)),
        (error: unknown) => heard(() => hearFailure(sending, attempt, term, error)),
      );
  }
}

function hearInstalled(sending: Sending, attempt: number, { done }: InstallReply): void {
  const { peer, replication } = sending;
  const { filling } = peer;
  if (attempt !== peer.attempt || filling === undefined) return;
  if (done) {
    beginAgain(peer);
    peer.filling = undefined;
    acknowledgeUpTo(peer, filling.index);
    peer.next = filling.index + 1;
  } else if (peer.underWay === 0 && filling.state.position === filling.state.totalBytes) {
    const sentence = `${peer.holder.node} has all parts of a state and does not have the state`;
    hearFailure(sending, attempt, replication.term, new ShoalError("snapshot_corrupt", sentence));
  }
}
