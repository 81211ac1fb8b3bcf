/** An optimiser at work on one flat vector, such as the values of a shard. */
import type { Offset } from "@shoal/kernels-wasm";
import type { ResolvedOptimizerSpec } from "./optimizer-spec.ts";

/** What an optimiser remembers, as plain data: survives structured clone and msgpack. */
export interface OptimizerSnapshot {
  readonly name: string;
  readonly stepCount: number;
  /** Slot name → its [size] float32 values. */
  readonly slots: Readonly<Record<string, Float32Array>>;
}

export interface Optimizer {
  readonly spec: ResolvedOptimizerSpec;
  /** Number of values it updates. */
  readonly size: number;
  readonly slotNames: readonly string[];
  /** Bytes of all slots together; what it takes from the kernel memory, up to rounding. */
  readonly slotBytes: number;
  /** Steps taken so far. */
  readonly stepCount: number;
  /**
   * Takes one step: one pass over values, gradient and slots; splitting the vector at any key (with an
   * optimiser for each part) gives the same bits, with `lamb` and `lars` between layers only.
   *
   * @param values - [size] float32, overwritten
   * @param gradient - [size] float32, borrowed and not changed
   * @param learningRate - of this step, see `learningRateAt`
   * @param summed - contributions that the gradient is the plain sum of; default 1. Statistics move by their mean.
   */
  step(values: Offset, gradient: Offset, learningRate: number, summed?: number): void;
  /** A copy of slots and step count. */
  snapshot(): OptimizerSnapshot;
  /**
   * Continues from a snapshot of an optimiser with the same slots and size.
   *
   * @param snapshot - borrowed
   * @throws ShoalError snapshot_corrupt - when its slots, lengths or step count do not fit; nothing is changed then
   */
  restore(snapshot: OptimizerSnapshot): void;
  /** Gives the slots back to the kernel memory. Using it afterwards is an error of the caller. */
  dispose(): void;
}
