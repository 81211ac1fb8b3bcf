/**
 * The Gaussian mechanism, exactly: one release with noise of deviation σ and sensitivity Δ is (ε, δ)-private for
 *
 *   δ(ε) = Φ(Δ/(2σ) − ε·σ/Δ) − e^ε·Φ(−Δ/(2σ) − ε·σ/Δ)
 *
 * and for no smaller δ. For one release it needs less noise than the accountant says.
 *
 * Source  Balle, Wang, ICML 2018, arXiv 1805.06530, theorem 8.
 */
import { leastThat } from "./calibration.ts";
import { normalCdf } from "./log-space.ts";

/** δ at this ε. @param noiseMultiplier - σ/Δ */
export function gaussianDelta(noiseMultiplier: number, epsilon: number): number {
  const [half, shift] = [1 / (2 * noiseMultiplier), epsilon * noiseMultiplier];
  const second = normalCdf(-half - shift);
  // A tail that is 0 in float64 is 0, also where e^ε is infinite.
  return Math.max(0, normalCdf(half - shift) - (second === 0 ? 0 : Math.exp(epsilon + Math.log(second))));
}

/** The least σ/Δ for (ε, δ), within a relative 1e-12. @throws RangeError */
export function gaussianNoiseFor(epsilon: number, delta: number): number {
  if (!(epsilon > 0 && delta > 0 && delta < 1))
    throw new RangeError(`expected ε > 0 and 0 < δ < 1, got ${epsilon} and ${delta}`);
  return leastThat((multiplier) => gaussianDelta(multiplier, epsilon) <= delta, 1e-12, `ε = ${epsilon}, δ = ${delta}`);
}
