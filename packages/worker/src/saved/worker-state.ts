/**
 * What a worker must not forget of a run when it leaves, and what a snapshot holds of a slot: what is owed to the shards, and
 * what only the worker has.
 *
 *   errors   what lossy encodings have left unsent, a shard each, with the warm factors of power_sgd
 *   replica  of local updates: what goes on from round to round (in snapshots only)
 *   computed what the computing itself keeps: of a federated run, what belongs to its rounds (in snapshots only)
 *   clock    steps that were finished
 *
 * Not part of it: sequence numbers, which begin again with each incarnation; the data's position, which follows from the
 * numbers of batches; random state, because all draws follow from seed, epoch and batch; what pulls have lost, which
 * stands in the shards' shadows, and a worker that comes again is given the values whole; the replicas of local updates,
 * which begin afresh from the pulled values.
 *
 * Invariant  Σ applied + errors = Σ gradients of the contributions that count, up to `unanswered` pushes of which the worker
 *            never heard: they count as applied, so that nothing is ever applied twice.
 */
import type { ConcreteEncodingSpec, EncoderSnapshot } from "@shoal/optimization";
import type { ComputeState } from "../compute/compute-port.ts";

/** The unsent error of one shard. */
export interface ShardError {
  /** The shard's key range. */
  readonly begin: number;
  readonly end: number;
  /** Whose: in synchronous mode the slot's, else 0. */
  readonly slot: number;
  readonly encoding: ConcreteEncodingSpec;
  readonly snapshot: EncoderSnapshot;
}

export interface WorkerState {
  readonly run: string;
  /** The worker's name: its numbers change from life to life. */
  readonly worker: string;
  readonly clock: number;
  /** Pushes whose answer had not come when the state was captured. */
  readonly unanswered: number;
  readonly errors: readonly ShardError[];
  /** The bytes of a replica, as float32. */
  readonly replica?: Float32Array | undefined;
  readonly computed?: ComputeState | undefined;
}
