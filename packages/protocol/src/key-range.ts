/** Key ranges: half-open intervals of the flat parameter vector, the unit of ownership. */

/** Keys `begin ≤ key < end`. */
export interface KeyRange {
  readonly begin: number;
  readonly end: number;
}

/** Elements in the range. */
export function sizeOf(range: KeyRange): number {
  return range.end - range.begin;
}

/**
 * Cuts `[0, size)` into at most `shards` ranges of nearly equal size, in ascending order, without a gap. Cuts stand at
 * multiples of `alignment` (default 16 floats, one cache line), so that views of neighbouring shards never share a
 * line; a vector too short for that gives fewer ranges than asked, never an empty one.
 *
 * @throws RangeError when `size`, `shards` or `alignment` is not a positive integer
 */
export function partitionKeys(size: number, shards: number, alignment = 16): readonly KeyRange[] {
  for (const [name, value] of Object.entries({ size, shards, alignment })) {
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer, got ${value}`);
  }
  const units = Math.ceil(size / alignment);
  const count = Math.min(shards, units);
  return Array.from({ length: count }, (_, index) => ({
    begin: Math.floor((units * index) / count) * alignment,
    end: Math.min(size, Math.floor((units * (index + 1)) / count) * alignment),
  }));
}
