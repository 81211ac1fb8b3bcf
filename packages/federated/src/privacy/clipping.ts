/**
 * Clipping of a whole update: Δ ← Δ·min(1, C/‖Δ‖), the norm over all parameters of the model.
 *
 * A norm per layer would let a client move each layer by C. Squares are summed in float64 over all chunks before the first
 * chunk is scaled: an update is read twice.
 *
 * Source  McMahan, Ramage, Talwar, Zhang, ICLR 2018, arXiv 1710.06963.
 */

/** Σ x², float64; add those of all chunks and take the root. Borrows `chunk`. @returns NaN or infinite where an element is */
export function squaredNormOf(chunk: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < chunk.length; index++) {
    const value = chunk[index] ?? 0;
    sum += value * value;
  }
  return sum;
}

/** min(1, C/norm). @param norm - of the whole update; finite: who admits updates refuses others @throws RangeError */
export function clipScale(norm: number, clip: number): number {
  if (!(clip > 0) || clip === Infinity) throw new RangeError(`clip must be a positive number, got ${clip}`);
  if (!(norm >= 0) || norm === Infinity) throw new RangeError(`norm must be finite, got ${norm}`);
  return norm <= clip ? 1 : clip / norm;
}

/** sum += scale · chunk, in float64. Borrows `chunk` [n], overwrites `sum` [n]. */
export function addScaled(sum: Float64Array, chunk: Float32Array, scale: number): void {
  if (sum.length !== chunk.length) throw new RangeError(`a chunk of ${chunk.length} for a sum of ${sum.length}`);
  for (let index = 0; index < chunk.length; index++) sum[index] = (sum[index] ?? 0) + scale * (chunk[index] ?? 0);
}
