/** The one copy of an in-process pull. */
import type { KernelMemory, Kernels } from "@shoal/kernels-wasm";

/**
 * Copies `from` to `to`, of equal length; borrows `from`, overwrites `to`. Between views of kernel memory it is one
 * `memory.copy`: `TypedArray.set` copies shared memory element by element.
 */
export function copyFloats(
  from: Float32Array,
  to: Float32Array,
  memory: Pick<KernelMemory, "offsetOf">,
  kernels: Pick<Kernels, "copy">,
): void {
  const source = memory.offsetOf(from);
  const target = memory.offsetOf(to);
  if (source === undefined || target === undefined) to.set(from);
  else kernels.copy(source, target, from.length);
}
