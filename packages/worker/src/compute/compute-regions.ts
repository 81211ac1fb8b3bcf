/** The kernel memory of one compute task: the thread that owns the memory allocates it, the computing one uses it. */
import { kernelScratchBytes, type KernelMemory, type Region } from "@shoal/kernels-wasm";
import { computeTaskBytes, type ComputeSubject } from "./compute-task.ts";

/** Regions of kernel memory begin at multiples of this. */
const alignment = 64;

export interface ComputeRegions {
  readonly plan: Region;
  readonly scratch: Region;
  /** Gives both back; nobody may compute in them any more. */
  free(): void;
}

/** @throws ShoalError out_of_memory */
export function allocateComputeRegions(subject: ComputeSubject, memory: KernelMemory): ComputeRegions {
  const planBytes = computeTaskBytes(subject);
  // One region for both, so that a memory that is too small leaves nothing behind.
  const whole = memory.allocate(planBytes + alignment + kernelScratchBytes);
  const scratchOffset = Math.ceil((whole.byteOffset + planBytes) / alignment) * alignment;
  return {
    plan: { byteOffset: whole.byteOffset, byteLength: planBytes },
    scratch: { byteOffset: scratchOffset, byteLength: kernelScratchBytes },
    free: () => memory.free(whole),
  };
}
