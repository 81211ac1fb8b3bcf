/** What a task's promise of privacy means for its aggregator and its clients. */
import type { CentralPrivacy } from "@shoal/aggregator";
import {
  defaultCountDeviation,
  localDeviation,
  noiseForBudget,
  parsePrivacy,
  type ClientPrivacy,
  type ResolvedPrivacySpec,
  type RoundPlan,
} from "@shoal/federated";
import type { FederatedSettings } from "@shoal/protocol";

export interface TaskPrivacy {
  readonly central: CentralPrivacy | null;
  readonly ofClient: ClientPrivacy;
}

/** A thousandth more noise than is needed, for a search that ends soon. */
const tolerance = 1e-3;

/** @throws ShoalError invalid_argument; RangeError - no noise keeps the promise */
export function privacyOfTask({ privacy, rounds }: FederatedSettings, plan: RoundPlan): TaskPrivacy {
  const open: ClientPrivacy = { clip: null, localNoise: 0, isSecure: false };
  if (privacy === null) return { central: null, ofClient: open };
  const spec = parsePrivacy(privacy);
  if (spec.name === "local") {
    return { central: null, ofClient: { ...open, clip: spec.clip, localNoise: localDeviation(spec) } };
  }
  // The clip is told to clients, who need not send what would be cut off; the aggregator does not rely on it.
  return { central: centralOf(spec, rounds, plan), ofClient: { ...open, clip: spec.clip } };
}

type Central = Extract<ResolvedPrivacySpec, { readonly name: "central" }>;

function centralOf(
  { epsilon, delta, clip, noiseMultiplier, adaptive, population }: Central,
  rounds: number,
  { invited, goal }: RoundPlan,
): CentralPrivacy {
  const budget = { epsilon, delta };
  const sampling =
    population === null
      ? ({ samplingRate: 1, sampling: "none" } as const)
      : ({ samplingRate: Math.min(1, invited / population), sampling: "fixed_size" } as const);
  return {
    ...{ clip, population, budget },
    noiseMultiplier: noiseMultiplier ?? noiseForBudget(budget, rounds, sampling, { tolerance }),
    adaptive:
      adaptive === null
        ? null
        : { ...adaptive, countDeviation: adaptive.countDeviation ?? defaultCountDeviation(goal) },
  };
}
