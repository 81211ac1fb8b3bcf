/**
 * Local privacy over a whole run: what the contributions of one client come to together.
 *
 *   ρ(α) of one contribution = α/(2z²),  z = σ/(2C):  two updates of norm C are 2C apart
 *
 * Nothing is made of how clients are drawn: whoever serves the run knows who was, and is not trusted here. What one contribution
 * comes to by the accountant is a little more than the ε that its noise was made for, which is exact.
 */
import { ShoalError } from "@shoal/errors";
import { emptyLedger, epsilonOf, spend } from "./accountant.ts";
import { localDeviation } from "./local-privacy.ts";
import type { ResolvedPrivacySpec } from "./privacy-spec.ts";
import type { RoundMechanism } from "./renyi-divergence.ts";

export interface LocalPrivacyPlan {
  readonly clip: number;
  /** σ of each contribution's noise, in the unit of the update. */
  readonly deviation: number;
  readonly delta: number;
  /** ε that the contributions of one client may come to; null: it is told, and nothing ends with it. */
  readonly budget: number | null;
}

/** @throws ShoalError invalid_argument - names the field; RangeError - no noise keeps the promise */
export function planLocalPrivacy(spec: Extract<ResolvedPrivacySpec, { readonly name: "local" }>): LocalPrivacyPlan {
  const { clip, delta, budget } = spec;
  const plan = { clip, delta, budget, deviation: localDeviation(spec) };
  const { epsilon } = epsilonOf(spend(emptyLedger(), contributionOf(plan)), delta);
  if (budget === null || epsilon <= budget) return plan;
  const field = "privacy.budget";
  const sentence = `${field}: expected at least ${epsilon.toFixed(4)}, which one contribution comes to by the accountant; got ${budget}`;
  throw new ShoalError("invalid_argument", sentence, { field });
}

/** One contribution, for the accountant. */
export function contributionOf({ clip, deviation }: Pick<LocalPrivacyPlan, "clip" | "deviation">): RoundMechanism {
  return { noiseMultiplier: deviation / (2 * clip), samplingRate: 1, sampling: "none" };
}
