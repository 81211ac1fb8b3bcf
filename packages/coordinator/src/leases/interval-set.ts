/** Sets of batch numbers as sorted, disjoint, non-adjacent half-open ranges. Values are never changed in place. */
import type { BatchRange } from "@shoal/protocol";

export type IntervalSet = readonly BatchRange[];

/** Numbers in the set. */
export function countOf(set: IntervalSet): number {
  return set.reduce((sum, range) => sum + (range.end - range.begin), 0);
}

/** `set ∪ range`; an empty range adds nothing. */
export function addRange(set: IntervalSet, range: BatchRange): IntervalSet {
  if (range.end <= range.begin) return set;
  const before = set.filter((each) => each.end < range.begin);
  const after = set.filter((each) => each.begin > range.end);
  const touching = set.slice(before.length, set.length - after.length);
  const begin = Math.min(range.begin, touching[0]?.begin ?? range.begin);
  const end = Math.max(range.end, touching.at(-1)?.end ?? range.end);
  return [...before, { begin, end }, ...after];
}

/** `set ∖ range`. */
export function subtractRange(set: IntervalSet, range: BatchRange): IntervalSet {
  if (range.end <= range.begin) return set;
  return set.flatMap((each) =>
    [
      { begin: each.begin, end: Math.min(each.end, range.begin) },
      { begin: Math.max(each.begin, range.end), end: each.end },
    ].filter((part) => part.end > part.begin),
  );
}

/** `set ∖ other`. */
export function subtractSet(set: IntervalSet, other: IntervalSet): IntervalSet {
  return other.reduce((rest, range) => subtractRange(rest, range), set);
}
