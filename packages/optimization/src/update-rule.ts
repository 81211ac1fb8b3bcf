/** What an optimiser is to `create-optimizer.ts`: the slots it keeps, and one step as a kernel call. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";

/** One step on `count` values. Offsets are byte offsets of float32 vectors in kernel memory. */
export interface StepCall {
  /** Overwritten. */
  readonly values: Offset;
  /** Borrowed, not changed. */
  readonly gradient: Offset;
  readonly count: number;
  /** Counts from 1. */
  readonly step: number;
  readonly learningRate: number;
}

export interface UpdateRule {
  /** Names of the slots, each a vector as long as the values. */
  readonly slotNames: readonly string[];
  /** What every slot holds before the first step; a list: what each does. */
  readonly initialSlotValue: number | readonly number[];
  /** @param slots - offsets in the order of `slotNames`; overwritten */
  apply(kernels: Kernels, slots: readonly Offset[], call: StepCall): void;
}

/** The slot at `index`; 0, which kernels read as "none", when the rule has no such slot. */
export function slotAt(slots: readonly Offset[], index: number): Offset {
  return slots[index] ?? 0;
}
