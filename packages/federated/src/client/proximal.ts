/**
 * FedProx: a client's steps are held near the values that it received, so that it may take as many as it can.
 *
 *   minimise Fₖ(w) + μ/2·‖w − w_t‖²,   that is   g ← g + μ·(w − w_t)
 *
 * With μ = 0 the gradient keeps its bits. Clients that do less work are not dropped.
 * Source  Li et al., "Federated optimization in heterogeneous networks", MLSys 2020.
 */
import { checkLengths } from "./vector-lengths.ts";

/**
 * @param gradient [size] float32, overwritten
 * @param values [size] present values; borrowed @param received [size] as the round began; borrowed
 * @param mu μ ≥ 0
 * @throws RangeError for μ below 0, ShoalError layout_mismatch
 */
export function addProximalTerm(
  gradient: Float32Array,
  values: Float32Array,
  received: Float32Array,
  mu: number,
): void {
  if (!(mu >= 0 && mu < Infinity)) throw new RangeError(`mu must be a number from 0 on, got ${mu}`);
  checkLengths(gradient.length, { values, received });
  if (mu === 0) return;
  for (let key = 0; key < gradient.length; key += 1) {
    gradient[key] = (gradient[key] ?? 0) + mu * ((values[key] ?? 0) - (received[key] ?? 0));
  }
}
