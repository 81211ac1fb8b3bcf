/** What a task's promise of privacy means for its aggregator and its clients. */
import type { CentralPrivacy, DrawByCoins, SecureAggregation } from "@shoal/aggregator";
import {
  mostByCoins,
  parsePrivacy,
  planCentralPrivacy,
  planLocalPrivacy,
  planSecureSum,
  type ClientPrivacy,
  type LocalPrivacyPlan,
  type ResolvedPrivacySpec,
  type RoundPlan,
} from "@shoal/federated";
import type { FederatedSettings } from "@shoal/protocol";

export interface TaskPrivacy {
  readonly central: CentralPrivacy | null;
  readonly local: LocalPrivacyPlan | null;
  readonly secure: SecureAggregation | null;
  readonly ofClient: ClientPrivacy;
}

/** @throws ShoalError invalid_argument; RangeError - no noise keeps the promise */
export function privacyOfTask({ privacy, rounds }: FederatedSettings, plan: RoundPlan, size: number): TaskPrivacy {
  const open: ClientPrivacy = { clip: null, localNoise: 0, secure: null };
  if (privacy === null) return { central: null, local: null, secure: null, ofClient: open };
  const spec = parsePrivacy(privacy);
  if (spec.name === "local") {
    const local = planLocalPrivacy(spec);
    const { clip, deviation, delta, budget } = local;
    const ofClient = { ...open, clip, localNoise: deviation, local: { delta, budget } };
    return { central: null, local, secure: null, ofClient };
  }
  if (spec.name === "secure_sum") return secureOf(spec, plan, { size, rounds });
  // The clip is told to clients, who need not send what would be cut off; the aggregator does not rely on it.
  const central = planCentralPrivacy(spec, { rounds, invited: plan.invited, goal: plan.goal });
  return { central, local: null, secure: null, ofClient: { ...open, clip: spec.clip } };
}

/** A round with secure sums: all who stay are in the sum, and every stage has its time. */
export function securePlan(plan: RoundPlan, { stageTimeoutMs, maskingTimeoutMs }: SecureAggregation): RoundPlan {
  // Keys, shares, what takes the masks off; and as long again until the round gives up by itself.
  return { ...plan, goal: plan.invited, reportingTimeoutMs: maskingTimeoutMs + 4 * stageTimeoutMs };
}

/** @param size - elements of an update */
function secureOf(
  spec: Extract<ResolvedPrivacySpec, { readonly name: "secure_sum" }>,
  { minimum, invited, goal, reportingTimeoutMs }: RoundPlan,
  { size, rounds }: { readonly size: number; readonly rounds: number },
): TaskPrivacy {
  const { clip } = spec;
  const { task, noise, stageTimeoutMs } = planSecureSum(spec, { size, rounds, minimum, invited });
  return {
    central: noise === null ? null : { clip, adaptive: null, population: null, ...noise },
    local: null,
    secure: { task, expected: noise === null ? null : goal, stageTimeoutMs, maskingTimeoutMs: reportingTimeoutMs },
    ofClient: { clip, localNoise: 0, secure: task },
  };
}

/**
 * A round whose clients are drawn by coins: it takes whoever they name and whatever comes of it, nobody is asked in another's
 * place, and it ends when all have answered, or at its deadline.
 */
export function poissonPlan(plan: RoundPlan, coins: DrawByCoins): RoundPlan {
  const invited = mostByCoins(coins);
  return { ...plan, draw: "poisson", goal: invited, invited, minimum: 0 };
}
