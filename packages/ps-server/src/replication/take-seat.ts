/** A shard's copy takes the place that a new seat gives it. */
import type { RunMembers, SeatHolder, ShardSeat } from "@shoal/protocol";
import { notifyListeners, type ShardState } from "../shard/shard-state.ts";
import { makeChange } from "./log-change.ts";
import { createPeer, type Peer } from "./peer.ts";
import type { Replication } from "./replication.ts";
import { askForState, beginAgain } from "./send-entries.ts";
import { roleIn } from "./seat-roles.ts";
import { stepDown } from "./step-down.ts";

/** Passes over a seat that is not newer. One that does not name this node is its host's business. */
export function takeSeat(state: ShardState, replication: Replication, seat: ShardSeat, now: number): void {
  const { term, role: before } = replication;
  if (seat.term < term || (seat.term === term && replication.seat.term === term)) return;
  const role = roleIn(seat, replication.options.node);
  if (role === undefined) return;
  // A term of which an entry has come already has another primary, whatever was said before.
  if (seat.term > term) replication.incoming = undefined;
  replication.term = seat.term;
  replication.seat = seat;
  if (role === "primary") {
    if (before === "primary") stay(state, replication);
    else promote(state, replication);
    return;
  }
  if (before === "primary") stepDown(state, replication, now);
  replication.role = role;
}

/** The first entry of the term finds out what the new copies have, also where nobody pushes. */
function stay(state: ShardState, replication: Replication): void {
  seatPeers(replication, replication.seat);
  if (replication.log.hasReserve) makeChange(state, membersChange(state.roster.members));
}

/** Opens the shard for workers at once: what they are told waits until the other copies have what is here. */
export function promote(state: ShardState, replication: Replication): void {
  replication.role = "primary";
  replication.incoming = undefined;
  replication.committed = 0;
  replication.log.clear(replication.history.index + 1);
  seatPeers(replication, replication.seat);
  const { newestMembers } = replication;
  replication.newestMembers = undefined;
  const known = state.roster.members;
  const members = newestMembers !== undefined && newestMembers.revision > known.revision ? newestMembers : known;
  makeChange(state, membersChange(members));
  notifyListeners(state);
}

/** The primary's state is another now (restored): no entry leads there, so the other copies are filled. */
export function rebase({ history, log, peers, term, madeAtMs }: Replication): void {
  history.add(term);
  log.clear(history.index + 1);
  madeAtMs.clear();
  for (const peer of peers) {
    beginAgain(peer);
    askForState(peer);
  }
}

export function membersChange(members: RunMembers): Parameters<typeof makeChange>[1] {
  return { kind: "members", contributions: [], weight: 1, vector: undefined, members };
}

/** Who is a holder in the new seat as well is spoken to as before. */
function seatPeers(replication: Replication, { primary, replicas, learners }: ShardSeat): void {
  const former = new Map(replication.peers.map((peer) => [keyOf(peer.holder), peer]));
  const keep = (holder: SeatHolder, role: Peer["role"]): Peer => {
    const peer = former.get(keyOf(holder));
    former.delete(keyOf(holder));
    if (peer === undefined) {
      return createPeer(holder, role, replication.options.connect(holder, primary), replication.history.index + 1);
    }
    peer.role = role;
    if (role === "replica") peer.isCounted = false;
    return peer;
  };
  replication.peers = [
    ...replicas.map((holder) => keep(holder, "replica")),
    ...learners.map((holder) => keep(holder, "learner")),
  ];
  for (const { connection } of former.values()) connection.release();
}

function keyOf({ member, incarnation, endpoint }: SeatHolder): string {
  return `${member}/${incarnation}/${endpoint}`;
}
