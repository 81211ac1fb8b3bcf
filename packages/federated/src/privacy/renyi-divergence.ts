/**
 * What one round with Gaussian noise reveals of one client, as Rényi divergence of order α.
 *
 *   everybody takes part   ρ(α) = α/(2z²)
 *   Poisson sampling       ρ(α) = 1/(α − 1) · ln E_{x ~ N(0, z²)} [(1 − q + q·exp((2x − 1)/(2z²)))^α]
 *                               = 1/(α − 1) · ln Σ_{k=0..α} (α over k)(1 − q)^{α−k} q^k exp((k² − k)/(2z²))   for whole α
 *   fixed-size sampling    ρ(α) ≤ 1/(α − 1) · ln (1 + Σ_{j=2..α} q^j (α over j) · m_j),  whole α,
 *                               m_2 = min(4(e^{r(2)} − 1), 2e^{r(2)}),  m_j = 2·exp((j − 1)·r(j)),  r(j) = j·(2/z)²/2
 *
 * z is the noise multiplier: the deviation of the noise over the norm C that updates are clipped to. "One client" means:
 * with or without it (Poisson, everybody), or another in its place (fixed size: the number of clients is no secret there,
 * and the sum moves by 2C).
 *
 * Sources  Mironov, Talwar, Zhang 2019, arXiv 1908.10530 (Poisson); Wang, Balle, Kasiviswanathan, AISTATS 2019,
 *          arXiv 1808.00087, theorem 9 (fixed size).
 */
import { logBinomial, logFactorials, logSumExp } from "./log-space.ts";

/** How the clients of a round are chosen, which is what the accountant relies on. */
export type ClientSampling =
  /** Each client of the population by a coin of its own: the size of the round varies. */
  | "poisson"
  /** Always as many, every set of them as likely. */
  | "fixed_size"
  /** Nothing is assumed of who takes part: the whole population might each time. */
  | "none";

export interface RoundMechanism {
  /** z: noise deviation over sensitivity. 0 is no noise. */
  readonly noiseMultiplier: number;
  /** q: share of the population that takes part, (0, 1]. */
  readonly samplingRate: number;
  readonly sampling: ClientSampling;
}

/** Orders at which the accountant counts: Opacus' grid, continued. */
export const defaultOrders: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 52 }, (_, i) => 12 + i),
  ...[80, 96, 128, 192, 256, 384, 512, 1024],
];

/** With less noise sampling is not counted: the sum over it would be long, and the bound is useless anyway. */
const leastIntegrated = 0.01;

/** Greatest order that is computed with. */
const greatestOrder = 2048;

/** ρ(α) at each of these orders; infinite where there is no bound. @throws RangeError for a mechanism that is none */
export function renyiDivergences(mechanism: RoundMechanism, orders: readonly number[]): number[] {
  const { noiseMultiplier: z, samplingRate: q, sampling } = mechanism;
  if (!(z >= 0)) throw new RangeError(`noiseMultiplier must be ≥ 0, got ${z}`);
  if (!(q > 0 && q <= 1)) throw new RangeError(`samplingRate must be in (0, 1], got ${q}`);
  for (const order of orders) {
    if (!(order > 1 && order <= greatestOrder))
      throw new RangeError(`orders must be in (1, ${greatestOrder}], got ${order}`);
  }
  if (z === 0) return orders.map(() => Infinity);
  if (z === Infinity) return orders.map(() => 0);
  const logs = logFactorials(Math.ceil(orders.reduce((most, order) => Math.max(most, order), 2)));
  return orders.map((order) => {
    if (sampling === "fixed_size") return ofFixedSize(q, z, order, logs);
    if (sampling === "none" || q === 1 || z < leastIntegrated) return order / (2 * z * z);
    return Number.isInteger(order) ? ofWholeOrder(q, z, order, logs) : byIntegral(q, z, order);
  });
}

function ofWholeOrder(q: number, z: number, order: number, logs: Float64Array): number {
  const terms: number[] = [];
  for (let k = 0; k <= order; k++) {
    const weight = logBinomial(logs, order, k) + (order - k) * Math.log1p(-q) + k * Math.log(q);
    terms.push(weight + (k * k - k) / (2 * z * z));
  }
  return Math.max(0, logSumExp(terms) / (order - 1));
}

/**
 * The expectation by the trapezoid rule, which on a function as smooth as this one errs by exp(−2π·(distance to its
 * nearest pole)/step): poles are πz² away, so the step shrinks with z.
 */
function byIntegral(q: number, z: number, order: number): number {
  const step = Math.min(z / 8, (z * z) / 2);
  const reach = 14 * z; // beyond it less than 10⁻⁴² of a Gaussian
  const terms: number[] = [];
  for (let x = -reach; x <= order + reach; x += step) {
    const gain = (2 * x - 1) / (2 * z * z);
    // ln(1 − q + q·e^gain), without leaving float64 where the gain is great
    const mixed = gain < 30 ? Math.log1p(q * Math.expm1(gain)) : gain + Math.log(q + (1 - q) * Math.exp(-gain));
    terms.push(order * mixed - (x * x) / (2 * z * z));
  }
  const normalisation = Math.log(step / (z * Math.sqrt(2 * Math.PI)));
  return Math.max(0, (logSumExp(terms) + normalisation) / (order - 1));
}

function ofFixedSize(q: number, z: number, order: number, logs: Float64Array): number {
  const unsampled = (alpha: number): number => (2 * alpha) / (z * z);
  if (q === 1 || !Number.isInteger(order)) return unsampled(order);
  const second = unsampled(2);
  const terms = [0];
  for (let j = 2; j <= order; j++) {
    const moment =
      j === 2
        ? Math.min(Math.log(4) + Math.log(Math.expm1(second)), Math.log(2) + second)
        : Math.log(2) + (j - 1) * unsampled(j);
    terms.push(j * Math.log(q) + logBinomial(logs, order, j) + moment);
  }
  return Math.min(unsampled(order), logSumExp(terms) / (order - 1));
}
