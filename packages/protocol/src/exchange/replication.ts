/**
 * Replication of a shard: who holds it, and what goes from its primary to its replicas.
 *
 * A **seat** says which servers hold a shard under which term. The coordinator alone changes it: it writes the new seat to
 * the store by compare-and-set, then tells the servers, then the workers. What a primary does to its state is a **log** of
 * entries; a replica that has applied entries 1 … i is, bit for bit, the primary as it was after entry i (on the same
 * kernels).
 *
 * Invariants
 *   P1  A seat's term grows with every change. Who knows a higher term refuses a lower one with `stale_term`.
 *   P2  With acknowledgement `replicated` a primary answers nothing that depends on entry i (the acknowledgement of a push, a
 *       pull of the version that i made) before every replica of its seat has entry i. So each of them can take its place.
 *   P3  A replica applies entries in the order of their index, without gaps, of its own seat's term only.
 *   P4  A learner is not waited for. It becomes a replica by a new seat, once its primary has reported it caught up.
 * Source    Lin et al., PacificA, MSR-TR-2008-25 (configuration master, primary and backups); Oki and Liskov, PODC 1988.
 */
import type { RunMembers } from "../messages/server-control.ts";
import type { CallOptions } from "./link.ts";

/** A server as its peers reach it. */
export interface SeatHolder {
  readonly member: number;
  readonly incarnation: number;
  /** Node name. */
  readonly node: string;
  readonly endpoint: string;
}

export interface ShardSeat {
  readonly shard: number;
  readonly term: number;
  readonly primary: SeatHolder;
  /** Have everything that was acknowledged. */
  readonly replicas: readonly SeatHolder[];
  /** Are being filled. */
  readonly learners: readonly SeatHolder[];
}

/** When a push is acknowledged: when it is in the primary's memory, or in that of every replica too. */
export type AcknowledgeMode = "memory" | "replicated";

/** One push behind an entry: what a retry is recognised by. */
export interface LoggedContribution {
  readonly worker: number;
  readonly incarnation: number;
  readonly sequence: number;
  readonly clock: number;
  readonly batch: number | null;
  /** Units of the batch; absent: one. */
  readonly batches?: number | undefined;
  readonly baseVersion: number;
  readonly samples: number;
}

export type LogEntryKind =
  /** The first values; `vector` holds them. */
  | "initialize"
  /** One update; `vector` is the folded gradient of a step, or a push as it was decoded; empty without samples. */
  | "update"
  /** A push that is put into the buffer, which is applied when that makes it full; `vector` as in an update. */
  | "buffer"
  /** A pull whose values the compensation of delays keeps for its worker. */
  | "remember"
  /** Pushes that change no value, and are to be recognised when they come again. */
  | "settle"
  /** A member list. Each primary begins its term with one, so that what was there before is committed with it. */
  | "members";

export interface LogEntry {
  readonly shard: number;
  /** Of the seat under which it is sent. */
  readonly term: number;
  /** Position in the shard's log, from 1. */
  readonly index: number;
  /** Term under which it was made, and that of the entry before it (0 for none): index and term name one history. */
  readonly madeIn: number;
  readonly previousMadeIn: number;
  readonly kind: LogEntryKind;
  /** Version of the shard after this entry. */
  readonly version: number;
  /** Factor on the learning rate. */
  readonly weight: number;
  readonly contributions: readonly LoggedContribution[];
  /** Where the kind is `members`, else null. */
  readonly members: RunMembers | null;
  /** [range size] float32 or [0], in kernel memory. Borrowed until the reply. */
  readonly vector: Float32Array;
}

export type ReplicateReply =
  /** "I have all entries up to `index`." */
  | { readonly type: "replicated"; readonly index: number }
  /** "I have entries up to `index` only: send me those after it, or fill me." With index 0: "I have others: fill me." */
  | { readonly type: "gap"; readonly index: number };

/** A part of a shard's whole state, for a replica that has none or the wrong one. Parts come in order. */
export interface InstallRequest {
  readonly shard: number;
  readonly term: number;
  /** Log position of this state. */
  readonly index: number;
  /** Where these bytes belong in the encoded state, and how long that is. */
  readonly offset: number;
  readonly totalBytes: number;
  /** At most `maximumInstallBytes`. Borrowed until the reply. */
  readonly bytes: Uint8Array;
}

export const maximumInstallBytes: number = 4 * 2 ** 20;

/** `done` once all bytes have come, been checked and taken over. */
export interface InstallReply {
  readonly type: "installed";
  readonly done: boolean;
}

/** A server's connection to another server: what a primary says to its replicas. Settles as a `ParameterLink` does. */
export interface ReplicaLink {
  replicate(entry: LogEntry, options: CallOptions): Promise<ReplicateReply>;
  install(part: InstallRequest, options: CallOptions): Promise<InstallReply>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Makes links between servers; the composition root decides of which kind. */
export interface ReplicaLinkFactory {
  /** @param run whose shards it will speak of @param from the server that speaks */
  connect(to: SeatHolder, run: string, from: SeatHolder): ReplicaLink;
}
