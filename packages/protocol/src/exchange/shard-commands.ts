/**
 * What is said to a shard actor by the links and services of its own process. These messages carry views of kernel
 * memory and are never encoded.
 */
import type { Ref } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import type { RunMembers, ShardSeatSummary } from "../messages/server-control.ts";
import type { InstallReply, InstallRequest, LogEntry, ReplicateReply } from "./replication.ts";
import type { InitializeReply, LinkIdentity, PullReply, PushReply, PushRequest } from "./requests.ts";

/** An error as a reply: the request could not be served, and why. */
export interface Refusal {
  readonly type: "refused";
  readonly error: SerializedError;
}

export type ShardCommand =
  /** "Take these as your first values, unless you have some." Borrows `values` until the reply. */
  | { readonly type: "initialize"; readonly values: Float32Array; readonly replyTo: Ref<InitializeReply | Refusal> }
  /**
   * "Here is my gradient." `push.gradient` lies in kernel memory and is borrowed until `release` is called, which
   * happens exactly once, at the latest just before the reply.
   */
  | {
      readonly type: "push";
      readonly sender: LinkIdentity;
      readonly push: PushRequest;
      readonly deadlineMs: number;
      readonly release: () => void;
      readonly replyTo: Ref<PushReply | Refusal>;
    }
  /**
   * "Give me values that I may start `clock` with." When they are ready the shard calls `receive` once, within its own
   * turn, unless nothing has changed: the receiver copies what it needs and keeps no reference (no update can come
   * between). The reply follows.
   */
  | {
      readonly type: "pull";
      readonly sender: LinkIdentity;
      readonly clock: number;
      readonly deadlineMs: number;
      /** See `PullRequest`. */
      readonly former?: boolean | undefined;
      /** Stamp of what the worker has, see `PullRequest`. */
      readonly have?: number | undefined;
      /** `data` are the values, or the encoded difference where `form` says so. */
      readonly receive: (data: Float32Array, version: number, form?: "difference") => void;
      /** Asked just before: false, and the reply follows without values, because they could not be taken now. Default true. */
      readonly hasRoom?: (() => boolean) | undefined;
      readonly replyTo: Ref<PullReply | Refusal>;
    }
  /** "These workers take part from now on, and these own the slots." */
  | { readonly type: "update_members"; readonly members: RunMembers }
  /** "Tell me how you are." */
  | { readonly type: "describe"; readonly replyTo: Ref<ShardDescription> }
  /**
   * "Give me all you must survive a restart with", now, or as it is in version `at`. One that is waited for is replaced by
   * the next.
   */
  | {
      readonly type: "snapshot";
      readonly at?: number | undefined;
      /** Called with the time that the copy took, ms. */
      readonly onTaken?: ((ms: number) => void) | undefined;
      readonly replyTo: Ref<SnapshotReply>;
    }
  /** "Go on from here." Replaces all state. */
  | { readonly type: "restore"; readonly snapshot: ShardSnapshot; readonly replyTo: Ref<ShardRestored | Refusal> }
  /** From the shard's primary: "I have done this; do it too." `entry.vector` is borrowed until the reply. */
  | { readonly type: "replicate"; readonly entry: LogEntry; readonly replyTo: Ref<ReplicateReply | Refusal> }
  /** From the shard's primary: "This is a part of my state." `part.bytes` is borrowed until the reply. */
  | { readonly type: "install"; readonly part: InstallRequest; readonly replyTo: Ref<InstallReply | Refusal> };

export interface ShardRestored {
  readonly type: "restored";
  readonly version: number;
}

/** One applied update, as the shard itself recorded it. */
export interface UpdateRecord {
  readonly version: number;
  /** The contributions of this update in the order they were folded; one outside synchronous mode. */
  readonly contributions: readonly {
    readonly worker: number;
    readonly incarnation: number;
    readonly clock: number;
    readonly batch: number | null;
    /** Batches from `batch` on; absent: 1. */
    readonly batches?: number | undefined;
    readonly baseVersion: number;
    readonly staleness: number;
  }[];
}

/** Someone waits at a shard: who, for whom, since when. */
export interface ShardWait {
  readonly waiter: string;
  readonly waitingFor: readonly string[];
  readonly reason: string;
  readonly sinceMs: number;
}

export interface ShardDescription {
  readonly type: "shard_description";
  readonly run: string;
  readonly shard: number;
  readonly begin: number;
  readonly end: number;
  readonly version: number;
  readonly initialized: boolean;
  /** Distinct batches that have been applied. */
  readonly batchesApplied: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** Bytes of gradients and values that workers sent to this copy and were given by it. */
  readonly bytesMoved: number;
  readonly stalenessMean: number;
  readonly stalenessMax: number;
  /** 95th percentile of the newest stalenesses. */
  readonly stalenessP95: number;
  /** Of an update of the last moments: norm of its gradient, and by which share it changed the values. */
  readonly gradientNorm: number | null;
  readonly updateRatio: number | null;
  /** How far a worker may be ahead of the slowest now; null outside bounded mode. */
  readonly bound: number | null;
  /** The newest updates, oldest first; bounded (default 65,536). */
  readonly updates: readonly UpdateRecord[];
  readonly waits: readonly ShardWait[];
  /** Absent where the shard has no seat but its hosting. */
  readonly seat?: ShardSeatSummary | undefined;
}

/** Plain data; the vectors are copies, little-endian float32. */
export interface ShardSnapshot {
  readonly type: "shard_snapshot";
  readonly format: 1;
  readonly run: string;
  readonly shard: number;
  readonly begin: number;
  readonly end: number;
  readonly version: number;
  readonly values: Float32Array;
  readonly optimizer: unknown;
  /** What the compensation of delays remembers; null where none is. */
  readonly compensation: unknown;
  /** Pushes that have been acknowledged and wait to be applied together; null where each is applied by itself. */
  readonly buffer: unknown;
  /** How far a worker may be ahead of the slowest, where that adapts. */
  readonly bound?: number | undefined;
  /** State of the filters and clocks, as the shard's own plain data. */
  readonly progress: unknown;
}

export type SnapshotReply =
  | ShardSnapshot
  /** The version that was asked for will not come (again): the shard has this one. */
  | { readonly type: "snapshot_missed"; readonly shard: number; readonly version: number }
  | Refusal;

/** Finds the shards that live in this process. */
export interface ShardDirectory {
  /** @returns undefined when no such shard is hosted here */
  find(run: string, shard: number): Ref<ShardCommand> | undefined;
}
