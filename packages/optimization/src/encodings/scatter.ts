/** Adds single elements to a vector by their place among the encoded ones. */
import type { KernelMemory, Kernels, Offset } from "@shoal/kernels-wasm";
import type { Placement } from "./placement.ts";

/**
 * @param into - the vector, kept as long as the result is used
 * @returns adds weight · value, rounded as `axpy` rounds; to be called with ascending indices below the number of
 *   encoded elements
 */
export function createScatter(
  memory: KernelMemory,
  into: Offset,
  placement: Placement,
  weight: number,
): (index: number, value: number) => void {
  const factor = Math.fround(weight);
  const last = placement.at(-1);
  const vector = memory.floats(into, last === undefined ? 0 : last.at + last.count);
  let number = 0;
  let shift = 0;
  let end = 0;
  return (index, value) => {
    while (index >= end) {
      const piece = placement[number++];
      if (piece === undefined) return;
      shift = piece.at - piece.begin;
      end = piece.begin + piece.count;
    }
    const at = index + shift;
    vector[at] = (vector[at] ?? 0) + Math.fround(factor * value);
  };
}

/** Elements that are not sent are zero. */
export function clearPieces(kernels: Kernels, into: Offset, placement: Placement): void {
  for (const { at, count } of placement) kernels.fill(into + 4 * at, count, 0);
}
