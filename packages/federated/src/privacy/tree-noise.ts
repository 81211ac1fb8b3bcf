/**
 * Variance of the noise in a prefix sum of `steps` rounds when noise is drawn per node of a binary tree over the rounds
 * (DP-FTRL), which needs no sampling at all.
 *
 *   plain       σ² for each node, one a set bit of `steps`
 *   efficient   a node of height h also uses those below it:  v(0) = σ²,  v(h) = 1/(1/σ² + 1/(2·v(h − 1)))
 *
 * Sources  Kairouz et al., ICML 2021, arXiv 2103.00039; Honaker, "Efficient use of differentially private binary trees", 2015.
 */
export function treeNoiseVariance(steps: number, deviation: number, estimator: "plain" | "efficient"): number {
  if (!Number.isSafeInteger(steps) || steps < 0) throw new RangeError(`steps must be a whole number, got ${steps}`);
  const single = deviation * deviation;
  let [sum, node] = [0, single];
  for (let left = steps; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) sum += node;
    if (estimator === "efficient") node = 1 / (1 / single + 1 / (2 * node));
  }
  return sum;
}
