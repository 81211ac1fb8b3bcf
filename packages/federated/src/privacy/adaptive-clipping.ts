/**
 * A clipping norm that follows a quantile γ of the clients' norms, itself found privately.
 *
 *   b_k = 1 if ‖Δ_k‖ ≤ C else 0;   b̄ = (Σ b_k + N(0, σ_b²))/m
 *   geometric   C ← C·exp(−η·(b̄ − γ))
 *   linear      C ← max(0, C − η·(b̄ − γ))
 *   z_Δ = (z⁻² − (2σ_b)⁻²)^(−1/2)        the noise of the sum, so that sum and count together cost what z costs
 *
 * The count is of b_k − ½, whose sensitivity is ½: hence the 2. All clients count alike, whatever their samples.
 *
 * Source  Andrew, Thakkar, McMahan, Ramaswamy, NeurIPS 2021, arXiv 1905.03871.
 */
export interface AdaptiveClipping {
  /** The share of clients whose updates are not to be clipped. Default 0.5. */
  readonly quantile: number;
  /** Default 0.2. */
  readonly learningRate: number;
  readonly rule: "geometric" | "linear";
}

export const defaultAdaptiveClipping: AdaptiveClipping = { quantile: 0.5, learningRate: 0.2, rule: "geometric" };
/** Where the clipping norm begins. */
export const defaultInitialClip = 0.1;

/** σ_b = m/20 for m expected clients: the count is then known within 5 % of them. */
export const defaultCountDeviation = (expectedClients: number): number => expectedClients / 20;

/** @param share - b̄, with its noise: may lie outside [0, 1] @returns the next round's C */
export function nextClip(clip: number, share: number, { quantile, learningRate, rule }: AdaptiveClipping): number {
  const excess = share - quantile;
  return rule === "geometric" ? clip * Math.exp(-learningRate * excess) : Math.max(0, clip - learningRate * excess);
}

/** z_Δ. @throws RangeError when the count alone costs more than z allows */
export function noiseBesideCount(noiseMultiplier: number, countDeviation: number): number {
  const left = noiseMultiplier ** -2 - (2 * countDeviation) ** -2;
  if (!(left > 0)) {
    throw new RangeError(
      `count deviation ${countDeviation} must exceed half the noise multiplier ${noiseMultiplier}: the count alone would cost more`,
    );
  }
  return left ** -0.5;
}
