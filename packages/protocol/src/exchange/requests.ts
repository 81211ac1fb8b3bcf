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
  /** Samples behind the gradient: its weight in a mean. 0 is a contribution without payload. */
  readonly samples: number;
  /** Gradient of the mean loss, [range size] float32; [0] when `samples` is 0. Borrowed until the reply. */
  readonly gradient: Float32Array;
}

export type PushReply =
  /** "Your gradient is in version `version`; the shard had moved `staleness` versions since you pulled." */
  | { readonly type: "push_applied"; readonly version: number; readonly staleness: number }
  /** "I had this sequence number or this batch already; it counts once. Carry on." */
  | { readonly type: "push_duplicate"; readonly version: number }
  /** "Your clock's step is over (synchronous mode): pull and go on from `version`." */
  | { readonly type: "push_rejected"; readonly reason: "stale_clock"; readonly version: number }
  /** "Your values were too old (the job's staleness bound): pull, and compute this batch again." */
  | { readonly type: "push_rejected"; readonly reason: "too_stale"; readonly version: number };

export interface PullRequest {
  readonly shard: number;
  /** Clock that the worker wants to start with these values; the consistency mode decides when it may. */
  readonly clock: number;
  /** [range size] float32, overwritten by the link. Kept until the reply. */
  readonly into: Float32Array;
}

export interface PullReply {
  readonly type: "values";
  readonly version: number;
}

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
