/**
 * Running variances stay variances, whatever clients or noise make of them: of a negative one the root is no number, and the
 * model would be of no use to anybody.
 *
 * A shard moves a statistic by a share of its gradient, at most by all of it: v − rate·g ≥ 0 where g ≤ v.
 */
import type { PlainKeys } from "@shoal/federated";

/**
 * @param values - of now, borrowed
 * @param gradient - of the round, −Δ; overwritten where it is too great
 * @param spans - where variances lie in both
 */
export function keepVariances(values: Float32Array, gradient: Float32Array, spans: readonly PlainKeys[]): void {
  for (const { begin, end } of spans) {
    for (let key = begin; key < end; key += 1) gradient[key] = Math.min(gradient[key] ?? 0, values[key] ?? 0);
  }
}
