/**
 * Federated averaging: Δ = Σ nₖ·Δₖ / Σ nₖ over the updates that came.
 *
 * Sums are float64: a thousand float32 updates added in float32 would lose three digits.
 * Source  McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017.
 */
import { ShoalError } from "@shoal/errors";

export interface Aggregate {
  /** Updates folded in. */
  readonly count: number;
  readonly totalWeight: number;
  /** Adds weight · update. Borrows `update`. @throws ShoalError layout_mismatch; RangeError for a weight that is not positive */
  add(update: Float32Array, weight: number): void;
  /**
   * parameters += rate · weighted mean. Overwrites `parameters`. @param rate the server's learning rate, 1 for FedAvg
   * @throws ShoalError layout_mismatch; RangeError when no update was added
   */
  applyTo(parameters: Float32Array, rate?: number): void;
  /** Forgets everything: ready for the next round. */
  clear(): void;
}

/** @param size elements of an update; the aggregate holds 8 bytes for each, however many updates come */
export function createAggregate(size: number): Aggregate {
  const sums = new Float64Array(size);
  let count = 0;
  let totalWeight = 0;
  const checkSize = (vector: Float32Array): void => {
    if (vector.length === size) return;
    const details = { expected: size, found: vector.length };
    throw new ShoalError(
      "layout_mismatch",
      `a vector of ${vector.length} elements for an aggregate of ${size}`,
      details,
    );
  };
  return {
    get count() {
      return count;
    },
    get totalWeight() {
      return totalWeight;
    },
    add(update, weight) {
      checkSize(update);
      if (!(weight > 0) || weight === Infinity) throw new RangeError(`weight must be a positive number, got ${weight}`);
      for (let key = 0; key < size; key += 1) sums[key] = (sums[key] ?? 0) + weight * (update[key] ?? 0);
      count += 1;
      totalWeight += weight;
    },
    applyTo(parameters, rate = 1) {
      checkSize(parameters);
      if (count === 0) throw new RangeError("there is no update to apply");
      const scale = rate / totalWeight;
      for (let key = 0; key < size; key += 1) parameters[key] = (parameters[key] ?? 0) + scale * (sums[key] ?? 0);
    },
    clear() {
      sums.fill(0);
      count = 0;
      totalWeight = 0;
    },
  };
}
