/** What a worker hands to its parameter client: whole vectors, not yet cut into shards. */
import type { PushReply } from "@shoal/protocol";
import type { ComputedIn, Computing } from "./exchange-kind.ts";

/** Version of each shard's values, by position in the placement. */
export type ShardVersions = readonly number[];

/** A gradient of the whole vector, or a contribution without one. */
export interface Contribution {
  readonly clock: number;
  readonly batch: number | null;
  /** Batches from `batch` on that it stands for; absent: 1. */
  readonly batches?: number | undefined;
  readonly samples: number;
  /** Whose error feedback goes with it: in synchronous mode the slot's; absent: 0. */
  readonly slot?: number | undefined;
  /** The slot is another worker's, which has not contributed it for long. */
  readonly standsIn?: boolean | undefined;
  /** [vector size] float32, borrowed until the call settles; not read when `samples` is 0. */
  readonly gradient: Float32Array;
  /** Versions of the values that the gradient was computed from. */
  readonly base: ShardVersions;
  readonly computed: ComputedIn | Computing;
  /**
   * Whether the shard at a position of the placement gets its part; one that does not gets an empty contribution, which
   * leaves its values as they are. Absent: all do.
   */
  readonly isDue?: ((index: number) => boolean) | undefined;
}

/** Where pulled values go. */
export interface PullTarget {
  /** Clock that the worker wants to start with the values. */
  readonly clock: number;
  /** The values of this very clock are wanted, where a shard that is one step further still keeps them. */
  readonly exact?: boolean | undefined;
  /** [vector size] float32, overwritten; kept until the call settles. */
  readonly into: Float32Array;
  /** Values of the clock before: where a shard has not changed them, they need not be pulled. */
  readonly former?: Float32Array;
  /** Told when the part of the shard at a position of the placement is in `into`, before the call settles. */
  readonly arrived?: (index: number, version: number) => void;
}

export interface PushPullOutcome {
  /** The reply of each shard, by position in the placement. */
  readonly pushed: readonly PushReply[];
  readonly pulled: ShardVersions;
}
