/**
 * What a shard with a seat knows of its other copies. Shards without a seat have none of this.
 *
 * Boundary  Holds state; what is done with it stands in the files beside: a primary's log in log-change.ts, its senders in
 *           send-entries.ts and send-state.ts, replies that wait in hold-reply.ts, a replica's part in follow.ts, changes of
 *           the seat in take-seat.ts, and all that follows from an answer in advance.ts.
 */
import type { KernelMemory } from "@shoal/kernels-wasm";
import type { AcknowledgeMode, ReplicaLink, RunMembers, SeatHolder, ShardRole, ShardSeat } from "@shoal/protocol";
import type { PushArrival } from "../shard/requests.ts";
import { createEntryLog, type EntryLog } from "./entry-log.ts";
import { createHeldReplies, type HeldReplies, type HeldReply } from "./held-replies.ts";
import { createHistory, type History } from "./history.ts";
import type { IncomingState } from "./incoming-state.ts";
import type { Peer } from "./peer.ts";
import { roleIn } from "./seat-roles.ts";
import { createTurns, type Turns } from "./turns.ts";

/** A connection to another holder, which others of this server may use as well. */
export interface PeerLink {
  readonly link: ReplicaLink;
  /** Ends the use. Idempotent. */
  readonly release: () => void;
}

export interface ReplicationOptions {
  readonly seat: ShardSeat;
  /** This server's node. */
  readonly node: string;
  readonly acknowledge: AcknowledgeMode;
  /** @param from this server, as the seat names it */
  readonly connect: (to: SeatHolder, from: SeatHolder) => PeerLink;
  /** Tells the coordinator that a learner has all entries. */
  readonly onCaughtUp: (term: number, member: number) => void;
}

export interface Replication {
  readonly options: ReplicationOptions;
  role: ShardRole;
  /** Highest term that this copy knows. */
  term: number;
  /** The newest seat that it was told; of an older term where an entry of the new one was faster. */
  seat: ShardSeat;
  readonly history: History;
  /** Primary: every replica has the entries up to here. */
  committed: number;
  readonly log: EntryLog;
  peers: readonly Peer[];
  readonly held: HeldReplies;
  /** Pushes that wait for room in the log, in the order in which they came. */
  readonly deferred: PushArrival[];
  /** A state that is coming. */
  incoming: IncomingState | undefined;
  /** Of a copy that is not the primary's: a member list that the log may not have brought yet. */
  newestMembers: RunMembers | undefined;
  readonly turns: Turns;
  /** When each entry on its way was made: clock time in ms, by index. */
  readonly madeAtMs: Map<number, number>;
}

export function createReplication(
  options: ReplicationOptions,
  site: { readonly size: number; readonly memory: KernelMemory; readonly members: RunMembers },
  onHeld: (reply: HeldReply, change: 1 | -1) => void,
): Replication {
  const { seat, node } = options;
  return {
    options,
    role: roleIn(seat, node) ?? "learner",
    term: seat.term,
    seat,
    history: createHistory(),
    committed: 0,
    log: createEntryLog(site.size, site.memory),
    peers: [],
    held: createHeldReplies(onHeld),
    deferred: [],
    incoming: undefined,
    newestMembers: site.members,
    turns: createTurns(),
    madeAtMs: new Map(),
  };
}
