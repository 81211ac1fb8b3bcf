/** What the accountant is told of a round. */
import { epsilonOf, type RoundMechanism, type RoundPlan } from "@shoal/federated";
import type { LastingState } from "../keeper/task-record.ts";
import type { AggregatorSettings, CentralPrivacy } from "../settings.ts";

export function mechanismOf({ noiseMultiplier, population }: CentralPrivacy, plan: RoundPlan): RoundMechanism {
  if (population === null) return { noiseMultiplier, samplingRate: 1, sampling: "none" };
  return { noiseMultiplier, samplingRate: Math.min(1, plan.invited / population), sampling: "fixed_size" };
}

/** ε of all rounds so far; null without central privacy, and where there is no bound. */
export function spentSoFar({ privacy }: AggregatorSettings, { ledger }: LastingState): number | null {
  if (privacy === null || ledger === null) return null;
  const { epsilon } = epsilonOf(ledger, privacy.budget.delta);
  return Number.isFinite(epsilon) ? epsilon : null;
}
