/**
 * The data plane as plain types: what a worker asks of a shard, and what it is told.
 *
 * An **exchange** is one request and its reply. The identity of the asking worker belongs to the link, not to each
 * request. Expected outcomes are replies; broken promises (unknown shard, wrong length, deadline) are ShoalErrors.
 */

/** Who is at the worker's end of a link. */
export interface LinkIdentity {
  readonly run: string;
  /** Member number that the coordinator gave; the same over all incarnations of a node. */
  readonly worker: number;
  /** Counts the joins of this member: a restarted process never looks like its predecessor. */
  readonly incarnation: number;
  /** Node name, for messages that people read. */
  readonly name: string;
}

export interface PushRequest {
  readonly shard: number;
  /** Counts this incarnation's pushes to this shard, from 1, without gaps. A retry repeats it. */
  readonly sequence: number;
  /** The worker's clock: iterations it had finished before this one. */
  readonly clock: number;
  /** Version of the values from which the gradient was computed. */
  readonly baseVersion: number;
  /** Number of the batch (see `EpochPlan`); null for pushes that stand for no training data. */
  readonly batch: number | null;
  /** Batches behind the gradient, from `batch` on, which count all or none; absent: 1. Outside synchronous mode. */
  readonly batches?: number | undefined;
  /** Samples behind the gradient: its weight in a mean. 0 is a contribution without payload. */
  readonly samples: number;
  /** How `gradient` is written (the name of an encoding in `optimization`); absent: as float32. */
  readonly encoding?: string | undefined;
  /**
   * Gradient of the mean loss, [range size] float32; [0] when `samples` is 0. With an `encoding` the bytes that it was
   * encoded to, four to an element. Borrowed until the reply.
   */
  readonly gradient: Float32Array;
}

export type PushReply =
  /** "Your gradient is in version `version`; the shard had moved `staleness` versions since you pulled." */
  | { readonly type: "push_applied"; readonly version: number; readonly staleness: number }
  /**
   * "I had this sequence number or this batch already; it counts once. Carry on." Of the batch: another push brought it, and
   * nothing of this one was applied. Absent: this sequence number was answered before.
   */
  | { readonly type: "push_duplicate"; readonly version: number; readonly of?: "batch" | undefined }
  /** "Your clock's step is over (synchronous mode): pull and go on from `version`." */
  | { readonly type: "push_rejected"; readonly reason: "stale_clock"; readonly version: number }
  /** "Your values were too old (the job's staleness bound): pull, and compute this batch again." */
  | { readonly type: "push_rejected"; readonly reason: "too_stale"; readonly version: number };

export interface PullRequest {
  readonly shard: number;
  /** Clock that the worker wants to start with these values; the consistency mode decides when it may. */
  readonly clock: number;
  /** "The values of this very clock, if you still have them": see `keepFormer` of `HostShards`. */
  readonly former?: boolean | undefined;
  /** [range size] float32, overwritten by the link unless the reply is in another form. Kept until the reply. */
  readonly into: Float32Array;
  /**
   * Stamp of the values that the worker still has, 0 for none: the shard may say that they are still right, or send
   * only what is new. Absent: send them whole.
   */
  readonly have?: number | undefined;
  /** Where an encoded difference goes: as long as the run's encoding of pulls makes it. Kept until the reply. */
  readonly difference?: Float32Array | undefined;
}

export interface PullReply {
  readonly type: "values";
  readonly version: number;
  /** What the worker has once it has followed this reply; present where the request said what it has. */
  readonly stamp?: number | undefined;
  readonly form?: PullForm | undefined;
}

/**
 * How values come; absent: whole, into `into`.
 *   unchanged   nothing comes: what the worker has is right
 *   difference  an encoded vector, into `difference`: to be added to what the worker has
 */
export type PullForm = "unchanged" | "difference";

export interface PushPullReply {
  readonly push: PushReply;
  readonly pull: PullReply;
}

export interface InitializeRequest {
  readonly shard: number;
  /** Initial values, [range size] float32. Borrowed until the reply. */
  readonly values: Float32Array;
}

export type InitializeReply =
  | { readonly type: "initialized"; readonly version: number }
  /** "I have values already; yours were not used." */
  | { readonly type: "already_initialized"; readonly version: number };
