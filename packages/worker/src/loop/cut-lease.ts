/** Cuts a lease into iterations. */
import type { BatchRange } from "@shoal/protocol";

/**
 * Iterations of `perIteration` batches on average, at least one each; none goes over the end of an epoch, whose batches
 * are of another order. 1.6 a time are 1, 2, 1, 2, 2: so a clock keeps step with others also between whole numbers.
 *
 * @param perIteration at least 1
 */
export function cutLease(
  { begin, end }: BatchRange,
  perIteration: number,
  batchesPerEpoch: number,
): readonly BatchRange[] {
  const iterations: BatchRange[] = [];
  let due = 0;
  for (let first = begin; first < end;) {
    due += perIteration;
    const count = Math.max(1, Math.floor(due));
    const endOfEpoch = (Math.floor(first / batchesPerEpoch) + 1) * batchesPerEpoch;
    const next = Math.min(end, endOfEpoch, first + count);
    iterations.push({ begin: first, end: next });
    due -= count;
    first = next;
  }
  return iterations;
}
