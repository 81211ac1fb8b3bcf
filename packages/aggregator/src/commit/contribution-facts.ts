/** What a policy is told of a contribution. */
import {
  localAccumulation,
  squaredNormOf,
  type Contribution,
  type ContributionOffer,
  type ResolvedAggregationPolicy,
} from "@shoal/federated";

/** Of the clients' steps: momentum, and learning rate times μ. */
export interface ClientSteps {
  readonly momentum: number;
  readonly proximal: number;
}

/** @param update - decoded, borrowed */
export function factsOf(
  { policy, local }: { readonly policy: ResolvedAggregationPolicy; readonly local: ClientSteps },
  { client, baseVersion, samples, loss, steps }: ContributionOffer,
  update: Float32Array,
): Contribution {
  const norm = policy.name === "qfedavg" ? Math.sqrt(squaredNormOf(update)) : undefined;
  const accumulation = policy.name === "fednova" && steps >= 1 ? localAccumulation({ steps, ...local }) : undefined;
  return { client, baseVersion, samples, loss, norm, accumulation };
}

/** Whether a stale contribution can be used only where the values that it began with are known. */
export function mixesModels(policy: ResolvedAggregationPolicy): boolean {
  return policy.name === "fedasync" && policy.mix === "models";
}
