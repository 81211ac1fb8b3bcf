/** Whether a contribution is folded into the present update, and with what weights: a pure function of the facts. */
import { counted } from "@shoal/errors";
import { goalOf, greatestStaleness, type ResolvedAggregationPolicy } from "./aggregation-policy.ts";
import { weightOfExamples, weightOfStaleness, type ExampleWeight } from "./staleness-rule.ts";

/** What is known of a contribution beside its update Δ (trained minus received values). */
export interface Contribution {
  readonly client: string;
  /** Version of the values that it began with. */
  readonly baseVersion: number;
  /** Samples trained on, each counted once; as the client claims. */
  readonly samples: number;
  /** Mean loss at the received values, over the client's samples; `qfedavg` needs it. */
  readonly loss?: number | undefined;
  /** ‖Δ‖ as the receiver measured it; `qfedavg` needs it. */
  readonly norm?: number | undefined;
  /** What its local steps add up to (`localAccumulation`); `fednova` needs it. */
  readonly accumulation?: number | undefined;
}

export interface FoldWeights {
  /** Factor on Δ in the sum. */
  readonly weight: number;
  /** What it adds to the divisor. */
  readonly share: number;
  /** What it adds to the factor on the mean, relative to the divisor. */
  readonly gain: number;
}

export type FoldDecision =
  | ({
      readonly kind: "fold";
      readonly staleness: number;
      /** True when the update is complete with this one. */
      readonly completes: boolean;
      readonly reason: string;
    } & FoldWeights)
  | {
      readonly kind: "refuse";
      /**
       * `stale`: it may begin again from the present version. `full`: this update is complete; the next one is made soon.
       * `unusable`: what the policy needs to know is missing or makes no sense.
       */
      readonly cause: "stale" | "version_ahead" | "full" | "unusable";
      readonly reason: string;
    };

/** The aggregator as a decision sees it. */
export interface FoldFacts {
  /** Of the global values. */
  readonly version: number;
  /** Contributions folded since the last update. */
  readonly folded: number;
}

/** Decides by room in the buffer, version, staleness, then what the policy needs to know, in this order. */
export function decideFold(
  policy: ResolvedAggregationPolicy,
  contribution: Contribution,
  { version, folded }: FoldFacts,
): FoldDecision {
  const goal = goalOf(policy);
  const { baseVersion } = contribution;
  if (folded >= goal)
    return { kind: "refuse", cause: "full", reason: `the update has its ${counted(goal, "contribution")}` };
  const staleness = version - baseVersion;
  if (!(staleness >= 0)) {
    return { kind: "refuse", cause: "version_ahead", reason: `base version ${baseVersion}, but now is ${version}` };
  }
  const oldest = greatestStaleness(policy);
  if (staleness > oldest) {
    const reason = `base version ${baseVersion} is ${staleness} old, at most ${oldest} is taken`;
    return { kind: "refuse", cause: "stale", reason };
  }
  const weights = weightsOf(policy, contribution, staleness);
  if (typeof weights === "string") return { kind: "refuse", cause: "unusable", reason: weights };
  const reason = `${folded + 1} of ${goal}, staleness ${staleness}, weight ${weights.weight}`;
  return { kind: "fold", ...weights, staleness, completes: folded + 1 >= goal, reason };
}

/** @returns a sentence when the policy needs to know what the contribution does not say */
function weightsOf(policy: ResolvedAggregationPolicy, from: Contribution, staleness: number): FoldWeights | string {
  switch (policy.name) {
    case "fedavg":
      return withExamples(policy, from, (e) => ({ weight: e, share: e, gain: e }));
    case "fednova": {
      const { accumulation: steps } = from;
      const most = policy.accumulationCap;
      if (!isPositive(steps) || steps > most) return `the local steps add up to ${steps}, expected a number to ${most}`;
      return withExamples(policy, from, (e) => ({ weight: e / steps, share: e, gain: e * steps }));
    }
    case "qfedavg":
      return fairWeights(policy, from);
    case "fedbuff": {
      const s = weightOfStaleness(policy.staleness, staleness);
      return withExamples(policy, from, (e) => {
        const share = policy.divideBy === "count" ? e : e * s;
        // Divided by weights, an update of nothing but these would be 0/0.
        return share > 0 ? { weight: e * s, share, gain: share } : `of staleness ${staleness} nothing is taken`;
      });
    }
    case "fedasync":
      return { weight: policy.mixing * weightOfStaleness(policy.staleness, staleness), share: 1, gain: 1 };
  }
}

function withExamples(
  { examples, sampleCap }: { readonly examples: ExampleWeight; readonly sampleCap: number },
  { samples }: Contribution,
  weigh: (exampleWeight: number) => FoldWeights | string,
): FoldWeights | string {
  if (!Number.isSafeInteger(samples) || samples < 1) return `${samples} samples, expected a positive integer`;
  return weigh(weightOfExamples(examples, Math.min(samples, sampleCap)));
}

/** A loss of zero would make F^(q − 1) infinite; the authors' code keeps it off zero by as much. */
const leastLoss = 1e-10;

/** A client that has nothing to lose has no say where q > 0, and the divisor stays positive for the others. */
function fairWeights(
  { q, learningRate, lossCap }: Extract<ResolvedAggregationPolicy, { readonly name: "qfedavg" }>,
  { loss, norm }: Contribution,
): FoldWeights | string {
  if (!isFiniteFrom0(loss)) return `the loss at the received values is ${loss}, expected a number from 0 on`;
  if (!isFiniteFrom0(norm)) return `the update's norm is ${norm}, expected a number from 0 on`;
  const lipschitz = 1 / learningRate;
  const floored = Math.max(Math.min(loss, lossCap ?? Infinity), leastLoss);
  const power = floored ** q;
  const share = q * floored ** (q - 1) * (lipschitz * norm) ** 2 + lipschitz * power;
  if (!(Number.isFinite(share) && share > 0)) return `loss ${loss} and norm ${norm} have no weight that is a number`;
  return { weight: lipschitz * power, share, gain: share };
}

function isPositive(value: number | undefined): value is number {
  return value !== undefined && value > 0 && value < Infinity;
}

function isFiniteFrom0(value: number | undefined): value is number {
  return value !== undefined && value >= 0 && value < Infinity;
}
