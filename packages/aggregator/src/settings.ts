/** What an aggregator is told of its task, checked and complete. */
import type {
  CentralPrivacy,
  IntakeLimits,
  LocalPrivacyPlan,
  LocalTraining,
  ResolvedAggregationPolicy,
  ResolvedRobustRule,
  RoundPlan,
  SecureTask,
  StandingRules,
} from "@shoal/federated";

export type { CentralPrivacy, DrawByCoins } from "@shoal/federated";

export interface AggregatorSettings {
  readonly plan: RoundPlan;
  readonly policy: ResolvedAggregationPolicy;
  readonly robust: ResolvedRobustRule | null;
  /** Noise that is accounted for: the aggregator's own, or with secure sums that of the clients. */
  readonly privacy: CentralPrivacy | null;
  /** Noise that clients add for themselves, and that is accounted for by contributions; null: they add none. */
  readonly localPrivacy: LocalPrivacyPlan | null;
  /** Contributions are masked, and only their sum is seen; null: each is seen. */
  readonly secure: SecureAggregation | null;
  readonly local: LocalTraining;
  /** Encodings by the name under which they are agreed on, best first. */
  readonly down: Readonly<Record<string, unknown>>;
  readonly up: Readonly<Record<string, unknown>>;
  /** Greatest norm that is admitted; null: any that is finite. */
  readonly normBound: number | null;
  readonly sampleCap: number;
  /** N of SCAFFOLD: clients there are. */
  readonly population: number;
  /** Bytes that training takes on a device, as clients are told. */
  readonly memoryBytes: number;
  /** Clients measure the values of a round on their own test data. */
  readonly evaluates: boolean;
  readonly intake: IntakeLimits;
  readonly standing: StandingRules;
  readonly pace: PaceLimits;
  readonly mostClients: number;
  /** A check-in is good for so long, at least: three times what its client is told to stay away. */
  readonly leaseMs: number;
  /** Time from the beginning of one round to that of the next, about: what waiting clients are told. */
  readonly roundMs: number;
}

export interface PaceLimits {
  /** Who is wanted at once comes within this: when an aggregator has come, or there was no room for an upload. */
  readonly soonMs: number;
  /** An idle client comes this late at the latest, where that are not too many (`decidePace`). */
  readonly mostMs: number;
}

/** Every contribution that stays is in the sum, so a plan with it has a goal of all who are invited. */
export interface SecureAggregation {
  /** What clients are told. */
  readonly task: SecureTask;
  /** Clients that the sum is divided by where noise hides how many came; null: the weighted mean of those who did. */
  readonly expected: number | null;
  readonly stageTimeoutMs: number;
  /** Clients train meanwhile. */
  readonly maskingTimeoutMs: number;
}
