/** Batches that several shards have applied, as flat ascending intervals: begin, end, begin, end … */
import type { FlatIntervals } from "@shoal/protocol";

/** `a ∩ b`; linear in their lengths. */
export function intersect(a: FlatIntervals, b: FlatIntervals): FlatIntervals {
  const common: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [endA, endB] = [a[i + 1] ?? 0, b[j + 1] ?? 0];
    const begin = Math.max(a[i] ?? 0, b[j] ?? 0);
    const end = Math.min(endA, endB);
    if (begin < end) common.push(begin, end);
    if (endA <= endB) i += 2;
    else j += 2;
  }
  return common;
}
