/**
 * A set of batch numbers as sorted, disjoint, non-adjacent intervals: leases hand out batches in blocks, so a few
 * intervals hold millions of numbers.
 */

/** Intervals a set holds at most: 65,536 (1 MiB). Runs of leased blocks need as many as there are open leases. */
export const maximumIntervals = 65_536;

/** Intervals `[begin, end)` as plain data, flattened: begin, end, begin, end, … */
export type BatchIntervals = readonly number[];

export interface BatchSet {
  /** Distinct numbers in the set. */
  readonly size: number;
  has(batch: number): boolean;
  /** How many of the numbers [batch, batch + count) are in the set. */
  countIn(batch: number, count: number): number;
  /** False when one more, unconnected number would pass {@link maximumIntervals}. */
  hasRoomFor(batch: number): boolean;
  /** @param count numbers from `batch` on. @throws RangeError when there is no room; ask `hasRoomFor` first */
  add(batch: number, count?: number): void;
  intervals(): BatchIntervals;
}

/** @param initial what `intervals()` of another set returned; copied */
export function createBatchSet(initial: BatchIntervals = [], limit: number = maximumIntervals): BatchSet {
  const bounds = [...initial];
  let size = 0;
  for (let index = 0; index < bounds.length; index += 2) size += at(bounds, index + 1) - at(bounds, index);

  const joinsNeighbour = (batch: number, position: number): boolean =>
    bounds[position - 1] === batch || bounds[position] === batch + 1;
  const addOne = (batch: number): void => {
    const position = firstAbove(bounds, batch);
    if (position % 2 === 1) return;
    if (!set.hasRoomFor(batch)) throw new RangeError(`a batch set holds at most ${limit} intervals`);
    insert(bounds, position, batch);
    size += 1;
  };
  const set: BatchSet = {
    get size() {
      return size;
    },
    has: (batch: number) => firstAbove(bounds, batch) % 2 === 1,
    countIn(batch: number, count: number) {
      const end = batch + count;
      let found = 0;
      // By intervals: the count may be a stranger's.
      for (let index = firstAbove(bounds, batch) & ~1; at(bounds, index) < end; index += 2) {
        found += Math.min(end, at(bounds, index + 1)) - Math.max(batch, at(bounds, index));
      }
      return found;
    },
    hasRoomFor(batch: number) {
      if (bounds.length < 2 * limit) return true;
      const position = firstAbove(bounds, batch);
      return position % 2 === 1 || joinsNeighbour(batch, position);
    },
    add(batch: number, count = 1) {
      for (let number = batch; number < batch + count; number += 1) addOne(number);
    },
    intervals: () => [...bounds],
  };
  return set;
}

/** Inserts one number before the interval that begins at `position`, joining what then touches. */
function insert(bounds: number[], position: number, batch: number): void {
  const touchesBefore = bounds[position - 1] === batch;
  const touchesAfter = bounds[position] === batch + 1;
  if (touchesBefore && touchesAfter) bounds.splice(position - 1, 2);
  else if (touchesBefore) bounds[position - 1] = batch + 1;
  else if (touchesAfter) bounds[position] = batch;
  else bounds.splice(position, 0, batch, batch + 1);
}

/** Index of the first bound greater than `batch`: odd inside an interval, even outside. */
function firstAbove(bounds: readonly number[], batch: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(bounds, middle) > batch) high = middle;
    else low = middle + 1;
  }
  return low;
}

function at(bounds: readonly number[], index: number): number {
  return bounds[index] ?? Number.POSITIVE_INFINITY;
}
