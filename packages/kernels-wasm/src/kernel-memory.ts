/**
 * The memory that kernels work in, and who may use which part of it.
 *
 * One shared WebAssembly.Memory serves a whole process; `Allocator` hands out regions and takes them back. Only the
 * thread that made the memory allocates; other threads are given regions (offset and length) by message.
 */
import type { Offset } from "./kernels.ts";

/** A block of kernel memory. `byteOffset` is a multiple of 64. */
export interface Region {
  readonly byteOffset: Offset;
  readonly byteLength: number;
}

export interface KernelMemory {
  readonly memory: WebAssembly.Memory;
  /** True when threads can see it. */
  readonly shared: boolean;
  /** Takes a region of at least `byteLength` bytes, zeroed. @throws ShoalError out_of_memory */
  allocate(byteLength: number): Region;
  /** Gives a region back. @throws RangeError when it is not allocated */
  free(region: Region): void;
  /** Bytes handed out now. */
  readonly allocatedBytes: number;
  /** View of float32 elements; valid until the memory is dropped (views of shared memory survive growth). */
  floats(byteOffset: Offset, count: number): Float32Array;
  /** The byte offset of a view when it lies in this memory, otherwise undefined. */
  offsetOf(view: ArrayBufferView): Offset | undefined;
}
