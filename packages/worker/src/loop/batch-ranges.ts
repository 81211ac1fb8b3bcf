/** A set of batch numbers as few ranges, for reports. */
import type { BatchRange } from "@shoal/protocol";

export interface BatchRanges {
  /** Ranges now in the set. */
  readonly size: number;
  add(range: BatchRange): void;
  /** Takes the lowest ranges out, at most `limit`, ascending. */
  take(limit: number): readonly BatchRange[];
}

/** Makes an empty set. Ranges that touch are one range. */
export function createBatchRanges(): BatchRanges {
  let ranges: BatchRange[] = [];
  return {
    get size() {
      return ranges.length;
    },
    add(range) {
      if (range.begin >= range.end) return;
      const last = ranges.at(-1);
      // Almost always a batch beyond all others.
      if (last === undefined || range.begin > last.end) ranges.push(range);
      else ranges = merge(ranges, range);
    },
    take: (limit) => ranges.splice(0, limit),
  };
}

function merge(ranges: readonly BatchRange[], added: BatchRange): BatchRange[] {
  const apart = ranges.filter((range) => range.end < added.begin || range.begin > added.end);
  const touching = ranges.filter((range) => range.end >= added.begin && range.begin <= added.end);
  const begin = Math.min(added.begin, ...touching.map((range) => range.begin));
  const end = Math.max(added.end, ...touching.map((range) => range.end));
  return [...apart, { begin, end }].toSorted((a, b) => a.begin - b.begin);
}
