/**
 * Makes the kernel memory: a WebAssembly.Memory, shared where the platform has it, with the allocator on top.
 *
 * Bounds    `maximumBytes` (default 4 GiB of address space; physical memory is taken as regions are first written).
 * Invariants
 *   M1  The first 4 KiB (the kernels keep their constants there) is never handed out, nor the last 64 bytes of a 4 GiB
 *       memory: 0 can mean "no vector", and the end of a region is always a representable 32-bit offset.
 *   M2  A region is zero when it is handed out.
 */
import { ShoalError } from "@shoal/errors";
import { alignment, blockBytes, createAllocator, type Allocator } from "./allocator.ts";
import type { KernelMemory } from "./kernel-memory.ts";
import type { Offset } from "./kernels.ts";

const pageBytes = 65_536;
const reservedBytes = 4_096;
const defaultInitialBytes = 16 * 2 ** 20;
const greatestMaximumBytes = 2 ** 32;
/** Growth takes at least this much more than asked, and a quarter of what there is: growing costs a system call. */
const leastGrowthBytes = 16 * 2 ** 20;

export interface KernelMemoryOptions {
  /** Size at the start, rounded up to pages of 64 KiB. Default 16 MiB. */
  readonly initialBytes?: number;
  /** Size it never exceeds, at most 4 GiB. Default 4 GiB, or as much of it as the platform lets us reserve. */
  readonly maximumBytes?: number;
  /**
   * How much it takes when it must grow. "generous" (default): 16 MiB or a quarter of what there is at least, for who grows
   * often. "exact": what is asked for, in pages.
   */
  readonly growth?: "generous" | "exact";
  /** "auto" (default): shared where SharedArrayBuffer exists. */
  readonly shared?: "auto" | boolean;
}

/**
 * Makes a kernel memory. The calling thread becomes its owner: it alone may allocate and free.
 *
 * @throws RangeError when the sizes are impossible
 * @throws ShoalError out_of_memory - when the platform refuses to reserve `maximumBytes`
 */
export function createKernelMemory(options: KernelMemoryOptions = {}): KernelMemory {
  const initialPages = pagesOf("initialBytes", options.initialBytes ?? defaultInitialBytes);
  const shared = options.shared === "auto" || options.shared === undefined ? canShare() : options.shared;
  const memory =
    options.maximumBytes === undefined
      ? reserveUpTo(initialPages, shared)
      : reserve(initialPages, pagesOf("maximumBytes", options.maximumBytes), shared);
  return overMemory(memory, options.growth ?? "generous", shared);
}

function canShare(): boolean {
  return typeof SharedArrayBuffer !== "undefined";
}

function pagesOf(name: string, bytes: number): number {
  if (!(bytes > 0 && bytes <= greatestMaximumBytes)) {
    throw new RangeError(`${name} is ${bytes}; it must be above 0 and at most ${greatestMaximumBytes}`);
  }
  return Math.ceil(bytes / pageBytes);
}

type Growth = NonNullable<KernelMemoryOptions["growth"]>;

interface Reserved {
  readonly memory: WebAssembly.Memory;
  readonly maximumPages: number;
}

function reserve(initialPages: number, maximumPages: number, shared: boolean): Reserved {
  if (initialPages > maximumPages) {
    throw new RangeError(`initialBytes (${initialPages} pages) exceeds maximumBytes (${maximumPages} pages)`);
  }
  try {
    return { memory: new WebAssembly.Memory({ initial: initialPages, maximum: maximumPages, shared }), maximumPages };
  } catch (cause) {
    throw new ShoalError(
      "out_of_memory",
      `The platform refuses a kernel memory of up to ${maximumPages * pageBytes} bytes; ask for less.`,
      { maximumBytes: maximumPages * pageBytes },
      { cause },
    );
  }
}

/** Reserves 4 GiB of addresses, or the half of it again and again: 32-bit browsers have no room for more. */
function reserveUpTo(initialPages: number, shared: boolean): Reserved {
  for (let pages = greatestMaximumBytes / pageBytes; ; pages /= 2) {
    try {
      return reserve(initialPages, pages, shared);
    } catch (error) {
      if (pages / 2 < initialPages) throw error;
    }
  }
}

function overMemory({ memory, maximumPages }: Reserved, growth: Growth, shared: boolean): KernelMemory {
  const lastByte = Math.min(maximumPages * pageBytes, greatestMaximumBytes - alignment);
  const allocator = createAllocator(reservedBytes, Math.min(memory.buffer.byteLength, lastByte));
  // Every buffer object that views of this memory may have: growth of a shared memory makes a new one each time. The engine
  // then makes new ones for all shared memories of the thread, so the growth of another memory is noticed here only by looking.
  const buffers = new WeakSet<ArrayBufferLike>([memory.buffer]);
  // Above this offset nothing was ever handed out, so the platform's zeros still stand there (M2 without a write).
  let touchedEnd = reservedBytes;

  const grow = (byteLength: number): void => {
    growFor(memory, allocator, byteLength, { lastByte, growth });
    allocator.extend(Math.min(memory.buffer.byteLength, lastByte));
    buffers.add(memory.buffer);
  };

  return {
    memory,
    shared,
    allocate(byteLength) {
      if (!(Number.isSafeInteger(byteLength) && byteLength >= 0)) {
        throw new RangeError(`byteLength is ${byteLength}; it must be a non-negative integer`);
      }
      let byteOffset = allocator.allocate(byteLength);
      if (byteOffset === undefined) {
        grow(byteLength);
        byteOffset = allocator.allocate(byteLength);
      }
      if (byteOffset === undefined) throw noRegion(byteLength, allocator, lastByte);
      const end = byteOffset + blockBytes(byteLength);
      if (byteOffset < touchedEnd) {
        new Uint8Array(memory.buffer, byteOffset, Math.min(end, touchedEnd) - byteOffset).fill(0);
      }
      touchedEnd = Math.max(touchedEnd, end);
      return { byteOffset, byteLength };
    },
    free(region) {
      if (!allocator.free(region.byteOffset)) {
        throw new RangeError(`no region begins at byte ${region.byteOffset} of the kernel memory`);
      }
    },
    get allocatedBytes() {
      return allocator.allocatedBytes;
    },
    floats(byteOffset, count) {
      const view = viewFloats(memory, byteOffset, count);
      buffers.add(view.buffer);
      return view;
    },
    offsetOf(view): Offset | undefined {
      buffers.add(memory.buffer);
      return buffers.has(view.buffer) && view.buffer.byteLength > 0 ? view.byteOffset : undefined;
    },
  };
}

/** Grows the memory so that a block fits, if the maximum allows it. */
function growFor(
  memory: WebAssembly.Memory,
  allocator: Allocator,
  byteLength: number,
  { lastByte, growth }: { readonly lastByte: number; readonly growth: Growth },
): void {
  const missing = allocator.missingBytes(byteLength);
  const needed = allocator.end + missing;
  if (needed > lastByte) throw noRegion(byteLength, allocator, lastByte);
  const generous = Math.max(needed, allocator.end + Math.max(leastGrowthBytes, allocator.end / 4));
  const current = memory.buffer.byteLength;
  for (const target of growth === "exact" ? [needed] : [Math.min(generous, lastByte), needed]) {
    try {
      memory.grow(Math.ceil((target - current) / pageBytes));
      return;
    } catch {
      // The platform has not that much; the next candidate asks for less.
    }
  }
  throw noRegion(byteLength, allocator, lastByte);
}

function noRegion(byteLength: number, allocator: Allocator, lastByte: number): ShoalError {
  return new ShoalError(
    "out_of_memory",
    `The kernel memory has no room for ${byteLength} bytes: ${allocator.allocatedBytes} of at most ${lastByte} are taken.`,
    { requestedBytes: byteLength, allocatedBytes: allocator.allocatedBytes, maximumBytes: lastByte },
  );
}

/**
 * View of `count` float32 elements of a memory, for owners and for threads that were sent the memory.
 * @throws RangeError when they do not lie in it
 *
 * A thread may learn late that another has grown a shared memory; growing by nothing makes it look.
 */
export function viewFloats(memory: WebAssembly.Memory, byteOffset: Offset, count: number): Float32Array {
  const beyond = byteOffset + count * 4 > memory.buffer.byteLength;
  // Growing a private memory would detach its views, even by nothing.
  if (beyond && canShare() && memory.buffer instanceof SharedArrayBuffer) memory.grow(0);
  return new Float32Array(memory.buffer, byteOffset, count);
}
