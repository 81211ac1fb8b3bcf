/** Σ factorₖ·Δₖ of one chunk, in float64. */

/** @param factors [clients] @param chunks [clients] of the same keys; borrowed @param into as long; overwritten */
export function weightedMeanInto(
  chunks: readonly Float32Array[],
  factors: readonly number[],
  into: Float32Array | Float64Array,
): void {
  const sums = new Float64Array(into.length);
  for (const [client, chunk] of chunks.entries()) {
    const factor = factors[client] ?? 0;
    if (factor === 0) continue;
    for (let key = 0; key < sums.length; key += 1) sums[key] = (sums[key] ?? 0) + factor * (chunk[key] ?? 0);
  }
  into.set(sums);
}
