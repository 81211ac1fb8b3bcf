/**
 * First-fit allocator over an address range: which bytes are taken, as plain data without a memory behind it.
 *
 * Bounds    at most one entry a taken block and one a hole; both are limited by the range divided by 64.
 * Invariants
 *   A1  Taken blocks and holes do not overlap and together cover [begin, end).
 *   A2  No two holes touch: when all is given back there is one hole (none, if the range is empty).
 *   A3  Every block begins at a multiple of 64, and is as long as one.
 */

/** Alignment and granularity in bytes: one cache line, so that two threads never write to the same. */
export const alignment = 64;

interface Hole {
  begin: number;
  end: number;
}

export interface Allocator {
  /** Takes the first hole that fits. @returns its offset, or undefined when none does */
  allocate(byteLength: number): number | undefined;
  /** Gives the block at `byteOffset` back. @returns false when no block begins there */
  free(byteOffset: number): boolean;
  /** Moves the end of the range up. */
  extend(end: number): void;
  /** Bytes missing at the end of the range for a block of `byteLength`; 0 when it fits now. */
  missingBytes(byteLength: number): number;
  readonly allocatedBytes: number;
  readonly end: number;
  readonly holeCount: number;
}

/** Length of the block that serves a request: at least one unit, so that every region has its own offset. */
export function blockBytes(byteLength: number): number {
  return Math.max(1, Math.ceil(byteLength / alignment)) * alignment;
}

/** @param begin, end - multiples of 64 */
export function createAllocator(begin: number, end: number): Allocator {
  const holes: Hole[] = end > begin ? [{ begin, end }] : [];
  const taken = new Map<number, number>();
  let rangeEnd = end;
  let allocatedBytes = 0;

  return {
    allocate(byteLength) {
      const bytes = blockBytes(byteLength);
      const at = holes.findIndex((hole) => hole.end - hole.begin >= bytes);
      const hole = holes[at];
      if (hole === undefined) return undefined;
      const offset = hole.begin;
      hole.begin += bytes;
      if (hole.begin === hole.end) holes.splice(at, 1);
      taken.set(offset, bytes);
      allocatedBytes += bytes;
      return offset;
    },
    free(byteOffset) {
      const bytes = taken.get(byteOffset);
      if (bytes === undefined) return false;
      taken.delete(byteOffset);
      allocatedBytes -= bytes;
      addHole(holes, { begin: byteOffset, end: byteOffset + bytes });
      return true;
    },
    extend(newEnd) {
      if (newEnd <= rangeEnd) return;
      const hole = { begin: rangeEnd, end: newEnd };
      rangeEnd = newEnd;
      addHole(holes, hole);
    },
    missingBytes(byteLength) {
      const bytes = blockBytes(byteLength);
      if (holes.some((hole) => hole.end - hole.begin >= bytes)) return 0;
      const last = holes.at(-1);
      return bytes - (last?.end === rangeEnd ? last.end - last.begin : 0);
    },
    get allocatedBytes() {
      return allocatedBytes;
    },
    get end() {
      return rangeEnd;
    },
    get holeCount() {
      return holes.length;
    },
  };
}

/** Puts a hole in its place, joined with the holes it touches (A2). */
function addHole(holes: Hole[], hole: Hole): void {
  let at = holes.findIndex((other) => other.begin > hole.begin);
  if (at < 0) at = holes.length;
  const before = holes[at - 1];
  const after = holes[at];
  const joinsBefore = before !== undefined && before.end === hole.begin;
  const joinsAfter = after !== undefined && after.begin === hole.end;
  if (joinsBefore && joinsAfter) {
    before.end = after.end;
    holes.splice(at, 1);
  } else if (joinsBefore) before.end = hole.end;
  else if (joinsAfter) after.begin = hole.begin;
  else holes.splice(at, 0, hole);
}
