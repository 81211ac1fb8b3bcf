/** A small federated task for tests with played clients. */
import type { AggregatorSettings } from "@shoal/aggregator";
import {
  defaultStandingRules,
  parseAggregationPolicy,
  planeProtocol,
  type ClientPrivacy,
  type EncodingSpec,
  type RoundPlan,
  type TaskDescription,
} from "@shoal/federated";
import { plainLocalTraining } from "./local-training.ts";

export const taskSize = 5;
export const float32 = { float32: { name: "float32" } };

const plan: RoundPlan = {
  ...{ arrival: "round", goal: 3, minimum: 2, invited: 4, carriesOver: false, maximumStaleness: 0 },
  ...{ selectionTimeoutMs: 1_000, configurationTimeoutMs: 200, reportingTimeoutMs: 2_000, commitTimeoutMs: 60_000 },
};

export function settingsFor(
  given: Partial<RoundPlan> = {},
  others: Partial<AggregatorSettings> = {},
): AggregatorSettings {
  const own = { ...plan, ...given };
  return {
    ...{ plan: own, policy: parseAggregationPolicy({ name: "fedavg", goal: own.goal }), robust: null, privacy: null },
    ...{ localPrivacy: null, secure: null },
    ...{
      local: plainLocalTraining,
      down: float32,
      up: float32,
      normBound: 100,
      sampleCap: 1_000,
      population: 100,
      memoryBytes: 0,
      evaluates: false,
    },
    intake: { bytesOfClient: 1e6, bytesInAll: 1e7, idleMs: 5_000 },
    standing: { ...defaultStandingRules, quarantineMs: 60_000 },
    ...{ pace: { soonMs: 10, mostMs: 60_000 }, mostClients: 20_000, leaseMs: 90_000, roundMs: 1_000 },
    ...others,
  };
}

/** With as many parameters; nothing here trains it. */
function modelOf(size: number): TaskDescription["model"] {
  return { inputs: size - 1, layers: [{ type: "dense", outputs: 1 }], loss: { type: "mean_squared_error" } };
}

export function descriptionOf(settings: AggregatorSettings, size = taskSize): TaskDescription {
  const { normBound, sampleCap, memoryBytes, local: own, down, up } = settings;
  return {
    ...{
      protocol: planeProtocol,
      task: "digits",
      model: modelOf(size),
      size,
      local: own,
      normBound,
      sampleCap,
      plain: [],
    },
    ...{ down: Object.values(down) as EncodingSpec[], up: Object.values(up) as EncodingSpec[] },
    memoryBytes,
    privacy: privacyOf(settings),
  };
}

function privacyOf({ privacy, localPrivacy, secure }: AggregatorSettings): ClientPrivacy {
  if (localPrivacy === null) return { clip: privacy?.clip ?? null, localNoise: 0, secure: secure?.task ?? null };
  const { clip, deviation, delta, budget } = localPrivacy;
  return { clip, localNoise: deviation, secure: null, local: { delta, budget } };
}
