/** Whether a client's update may be folded into the aggregate. */

export interface AdmissionLimits {
  /** Elements of an update. */
  readonly size: number;
  /** Greatest Euclidean norm. */
  readonly normBound: number;
  /** Weight that a client has at most, whatever number of samples it claims. */
  readonly sampleCap: number;
}

export type AdmissionDecision =
  | {
      readonly kind: "admit";
      /** The weight to aggregate with: the samples, at most the cap. */
      readonly weight: number;
      readonly norm: number;
      readonly reason: string;
    }
  | {
      readonly kind: "reject";
      readonly cause: "wrong_size" | "bad_sample_count" | "not_finite" | "norm_too_large";
      readonly reason: string;
    };

/** Decides by size, sample count, finiteness and norm, in this order. Borrows `update`; one pass. */
export function decideAdmission(update: Float32Array, samples: number, limits: AdmissionLimits): AdmissionDecision {
  if (update.length !== limits.size) {
    return { kind: "reject", cause: "wrong_size", reason: `${update.length} elements, expected ${limits.size}` };
  }
  if (!Number.isSafeInteger(samples) || samples < 1) {
    return { kind: "reject", cause: "bad_sample_count", reason: `${samples} samples, expected a positive integer` };
  }
  const norm = normOf(update);
  if (!Number.isFinite(norm)) {
    const position = update.findIndex((value) => !Number.isFinite(value));
    return { kind: "reject", cause: "not_finite", reason: `element ${position} is ${update[position]}` };
  }
  if (norm > limits.normBound) {
    return { kind: "reject", cause: "norm_too_large", reason: `norm ${norm}, at most ${limits.normBound}` };
  }
  const weight = Math.min(samples, limits.sampleCap);
  const reason = weight < samples ? `${samples} samples count as ${weight}` : `${samples} samples`;
  return { kind: "admit", weight, norm, reason };
}

/** In float64: the squares of finite float32 values neither overflow nor cancel. */
function normOf(update: Float32Array): number {
  let squares = 0;
  for (const value of update) squares += value * value;
  return Math.sqrt(squares);
}
