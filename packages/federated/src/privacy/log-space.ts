/** Sums, factorials and tails of probabilities as logarithms, where the numbers themselves leave float64. */

/** ln Σ exp(terms). @returns −∞ for no terms */
export function logSumExp(terms: readonly number[]): number {
  let most = -Infinity;
  for (const term of terms) most = Math.max(most, term);
  if (!Number.isFinite(most)) return most;
  let sum = 0;
  for (const term of terms) sum += Math.exp(term - most);
  return most + Math.log(sum);
}

/** ln n! for every n ≤ greatest: sums of logarithms, so a binomial coefficient is a difference of three. */
export function logFactorials(greatest: number): Float64Array {
  const logs = new Float64Array(greatest + 1);
  let [sum, lost] = [0, 0];
  for (let n = 2; n <= greatest; n++) {
    // Kahan: of a million terms none is lost.
    const term = Math.log(n) - lost;
    const next = sum + term;
    lost = next - sum - term;
    sum = next;
    logs[n] = sum;
  }
  return logs;
}

/** ln (n over k), from {@link logFactorials}. */
export function logBinomial(logs: Float64Array, n: number, k: number): number {
  return (logs[n] ?? NaN) - (logs[k] ?? NaN) - (logs[n - k] ?? NaN);
}

/**
 * The distribution function of the standard normal, with a small relative error in its lower tail too.
 *
 *   |x| < 3     Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/15 + …)                    Marsaglia, Journal of Statistical Software 11(4), 2004
 *   else        Φ(−x) = φ(x)/(x + 1/(x + 2/(x + 3/(x + …))))              Laplace's continued fraction
 */
export function normalCdf(x: number): number {
  if (x >= 3) return 1 - upperTail(x);
  if (x <= -3) return upperTail(-x);
  let [term, sum] = [x, x];
  for (let odd = 3; Math.abs(term) > Number.EPSILON * Math.abs(sum) * 0.01; odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 + normalDensity(x) * sum;
}

const normalDensity = (x: number): number => Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI);

/** 1 − Φ(x) for x ≥ 3, where 100 levels of the fraction are more than float64 can tell. */
function upperTail(x: number): number {
  let fraction = x;
  for (let level = 100; level > 0; level--) fraction = x + level / fraction;
  return normalDensity(x) / fraction;
}
