/** What a model is judged by, from counts that add up over batches and workers. */

/** Share of right answers. @throws RangeError when `total` is not positive or `correct` not in [0, total] */
export function accuracyOf(correct: number, total: number): number {
  if (!(total > 0) || !(correct >= 0) || correct > total) {
    throw new RangeError(`accuracy of ${correct} correct of ${total}: expected 0 ≤ correct ≤ total, total > 0`);
  }
  return correct / total;
}
