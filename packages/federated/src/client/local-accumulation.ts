/**
 * What a client's local steps add up to: a = ‖a‖₁, the sum of the weights with which its gradients are in its update.
 * FedNova divides an update by it, so that who takes more steps does not pull the result towards its own minimum.
 *
 *   plain          τ
 *   momentum ρ     (τ − ρ·(1 − ρ^τ)/(1 − ρ))/(1 − ρ)      velocity ρ·u + g, from zero in each round
 *   proximal μ     (1 − (1 − ημ)^τ)/(ημ)
 *
 * Source  Wang et al., "Tackling the objective inconsistency problem", NeurIPS 2020.
 */
export interface LocalSteps {
  /** τ, at least 1. */
  readonly steps: number;
  /** ρ in [0, 1). Default 0. */
  readonly momentum?: number | undefined;
  /** ημ in [0, 1): learning rate times FedProx's μ. Default 0. */
  readonly proximal?: number | undefined;
}

/** @throws RangeError for numbers out of range, and for momentum and a proximal term at once: weights may be negative then */
export function localAccumulation({ steps, momentum = 0, proximal = 0 }: LocalSteps): number {
  if (!(Number.isSafeInteger(steps) && steps >= 1)) throw new RangeError(`steps must be at least 1, got ${steps}`);
  for (const [name, share] of Object.entries({ momentum, proximal })) {
    if (!(share >= 0 && share < 1)) throw new RangeError(`${name} must be at least 0 and below 1, got ${share}`);
  }
  if (momentum > 0 && proximal > 0) throw new RangeError("expected momentum or a proximal term, not both");
  if (momentum > 0) return (steps - (momentum * (1 - momentum ** steps)) / (1 - momentum)) / (1 - momentum);
  // 1 − (1 − x)^τ without the loss of all digits for a small x.
  return proximal > 0 ? -Math.expm1(steps * Math.log1p(-proximal)) / proximal : steps;
}
