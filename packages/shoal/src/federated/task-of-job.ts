/** From a job to what its aggregator and its clients are told. */
import type { AggregatorSettings } from "@shoal/aggregator";
import { ShoalError } from "@shoal/errors";
import {
  defaultStandingRules,
  goalOf,
  parseAggregationPolicy,
  parseRobustRule,
  type LocalTraining,
  type ResolvedAggregationPolicy,
  type RoundPlan,
  type TaskDescription,
} from "@shoal/federated";
import { layoutOf, parseModelSpec } from "@shoal/models";
import type { FederatedSettings, JobSpec } from "@shoal/protocol";

export interface FederatedTask {
  readonly description: TaskDescription;
  readonly settings: AggregatorSettings;
}

/** Unfinished uploads: of all clients together, ms and bytes. */
const uploadIdleMs = 120_000;
const uploadBytes = 512 * 2 ** 20;
/** A check-in is good for so long: a throttled tab wakes once a minute. */
const clientLeaseMs = 120_000;
const mostClients = 100_000;
/** What is told to clients that are to come back. */
const pace = { leastMs: 200, mostMs: 24 * 3_600_000 };
/** The push of a round is repeated by the worker as long as it lives. */
const commitTimeoutMs = 24 * 3_600_000;
/** Vectors of a model's size that a client has at least: values received and trained, gradient, update. */
const vectorsOfClient = 4;

/** @throws ShoalError invalid_job, invalid_argument */
export function taskOfJob(run: string, job: JobSpec): FederatedTask {
  const { federated } = job;
  if (federated === null)
    throw new ShoalError("invalid_job", "job.federated: expected settings", { field: "job.federated" });
  const { size } = layoutOf(parseModelSpec(job.model));
  const policy = parseAggregationPolicy(federated.aggregation);
  const down = namesOf(federated.down);
  const up = namesOf(federated.up);
  const { normBound, sampleCap } = federated;
  const local: LocalTraining = { ...federated.local, seed: job.seed };
  const memoryBytes = vectorsOfClient * size * Float32Array.BYTES_PER_ELEMENT;
  const plan = planOf(federated, policy);
  return {
    description: {
      ...{ task: run, model: job.model, size, local, normBound, sampleCap, memoryBytes },
      ...{ down: Object.keys(down), up: Object.keys(up) },
      privacy: { clip: null, localNoise: 0, isSecure: false },
    },
    settings: {
      ...{ plan, policy, local, down, up, normBound, sampleCap, memoryBytes, privacy: null },
      robust: federated.robust === null ? null : parseRobustRule(federated.robust),
      evaluates: federated.evaluatesOnClients,
      intake: { bytesOfClient: 2 * memoryBytes, bytesInAll: uploadBytes, idleMs: uploadIdleMs },
      standing: defaultStandingRules,
      ...{ pace, mostClients, leaseMs: clientLeaseMs },
      roundMs: 1000 * (federated.configurationSeconds + federated.reportingSeconds),
    },
  };
}

function planOf(federated: FederatedSettings, policy: ResolvedAggregationPolicy): RoundPlan {
  const goal = goalOf(policy);
  const { maximumStaleness, overSelection, minimum } = federated;
  const isBuffer = policy.name === "fedbuff" || policy.name === "fedasync";
  return {
    ...{ arrival: isBuffer ? "buffer" : "round", goal, minimum: minimum ?? goal },
    invited: Math.ceil(goal * overSelection),
    ...{ carriesOver: maximumStaleness > 0, maximumStaleness },
    selectionTimeoutMs: 1000 * federated.selectionSeconds,
    configurationTimeoutMs: 1000 * federated.configurationSeconds,
    reportingTimeoutMs: 1000 * federated.reportingSeconds,
    commitTimeoutMs,
  };
}

/** Encodings go by their names; two of one name would be one. */
function namesOf(specs: FederatedSettings["down"]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(specs.map((spec) => [String(spec["name"]), spec]));
}
