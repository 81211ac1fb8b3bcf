/** What a trainer takes of kernel memory: the part of `trainingBytes` that it is held to. */
import type { LocalTraining } from "../plane/task-description.ts";

export interface CompiledModel {
  /** Elements of the whole model. */
  readonly size: number;
  /** Of its plan for one batch (`planBytes` of the models package, `batchOf`). */
  readonly planBytes: number;
}

/** Scratch of an instance of the kernels, what is reserved before it, and what rounding to pages of 64 KiB takes. */
export const kernelBytes: number = 26 * 65_536;

/** Of the trainer's kernel memory. */
export function trainerBytes(
  { size, planBytes }: CompiledModel,
  { correction }: Pick<LocalTraining, "correction">,
): number {
  const vectors = correction === "scaffold" ? 5 : 4;
  return kernelBytes + planBytes + vectors * size * Float32Array.BYTES_PER_ELEMENT;
}
