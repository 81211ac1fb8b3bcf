/** From a job to what its aggregator and its clients are told. */
import type { AggregatorSettings } from "@shoal/aggregator";
import { ShoalError } from "@shoal/errors";
import {
  arrivalOf,
  batchOf,
  clientsNeeded,
  crowdOf,
  defaultStandingRules,
  goalOf,
  parseAggregationPolicy,
  parseRobustRule,
  personalSpans,
  planeProtocol,
  sharedKeys,
  trainingBytes,
  vectorsTogether,
  type LocalTraining,
  type PlainKeys,
  type ResolvedAggregationPolicy,
  type ResolvedRobustRule,
  type RoundPlan,
  type SharedKeys,
  type TaskDescription,
} from "@shoal/federated";
import { layoutOf, parseModelSpec, planBytes, type Segment } from "@shoal/models";
import type { FederatedSettings, JobSpec } from "@shoal/protocol";
import { mostAccumulated } from "./local-steps.ts";
import { poissonPlan, privacyOfTask, securePlan, type TaskPrivacy } from "./privacy-of-task.ts";

export interface FederatedTask {
  readonly description: TaskDescription;
  readonly settings: AggregatorSettings;
  /** Keys that travel: all but those of personal layers. */
  readonly shared: SharedKeys;
  /** Of the keys that travel, those of running variances. */
  readonly variances: readonly PlainKeys[];
}

/** Unfinished uploads: of all clients together, ms and bytes. */
const uploadIdleMs = 120_000;
const uploadBytes = 512 * 2 ** 20;
/** A check-in is good for so long, at least: a throttled tab wakes once a minute. */
const clientLeaseMs = 120_000;
const mostClients = 100_000;
/** Rounds reach idle clients by notices. If one was lost, a client asks after ten minutes by itself. */
const pace = { soonMs: 200, mostMs: 600_000 };
/**
 * The push of a round is repeated by the worker as long as it lives, and the step counts when it gets through: a round that were given
 * up before would be in the values, and in its record abandoned. Runs end by themselves where a shard does not come back.
 */
const commitTimeoutMs = 24 * 3_600_000;
/** @throws ShoalError invalid_job, invalid_argument */
export function taskOfJob(run: string, job: JobSpec): FederatedTask {
  const { federated } = job;
  if (federated === null)
    throw new ShoalError("invalid_job", "job.federated: expected settings", { field: "job.federated" });
  const spec = parseModelSpec(job.model);
  const layout = layoutOf(spec);
  const shared = sharedKeys(layout.size, personalSpans(layout.segments, federated.local.personal));
  const policy = policyOf(federated);
  // q-FedAvg weighs a client by how badly the values serve it that it was given.
  const lossAt = policy.name === "qfedavg" ? "received" : "training";
  const local: LocalTraining = { ...federated.local, lossAt, seed: job.seed };
  const down = byName(federated.down);
  const up = byName(federated.up);
  const { normBound, sampleCap } = federated;
  // Where all samples of a client are one batch, only it knows what that takes: it says so when it is drawn.
  const model = { size: layout.size, planBytes: planBytes(spec, batchOf(local, 1)) };
  const memoryBytes = trainingBytes({ size: shared.count, local, up: federated.up }, model);
  const robust = federated.robust === null ? null : parseRobustRule(federated.robust);
  const declared = planOf(federated, policy, robust);
  const privacy = privacyOfTask(federated, declared, shared.count);
  const plan = planFor(declared, privacy);
  const variances = layout.segments.filter(({ name }) => name.endsWith(".running_var"));
  return {
    shared,
    variances: plainKeys(variances, shared),
    description: {
      ...{
        protocol: planeProtocol,
        task: run,
        model: job.model,
        size: shared.count,
        local,
        normBound,
        sampleCap,
        memoryBytes,
      },
      ...{ down: federated.down, up: federated.up, privacy: privacy.ofClient },
      plain: plainKeys(layout.segments, shared),
    },
    settings: {
      population: federated.population ?? plan.invited,
      ...{ plan, policy, robust, local, down, up, normBound, sampleCap, memoryBytes, privacy: privacy.central },
      localPrivacy: privacy.local,
      secure: privacy.secure,
      evaluates: federated.evaluatesOnClients,
      intake: intakeFor(contentBytes(shared.count, local)),
      standing: defaultStandingRules,
      ...{ pace, mostClients, leaseMs: clientLeaseMs },
      roundMs: plan.configurationTimeoutMs + plan.reportingTimeoutMs,
    },
  };
}

/** What a client claims of itself is capped by what the task makes of the greatest number of samples that counts. */
function policyOf(federated: FederatedSettings): ResolvedAggregationPolicy {
  const { aggregation, sampleCap } = federated;
  // SCAFFOLD's controls are a plain mean: so are its updates.
  const isPlain = federated.local.correction === "scaffold";
  const policy = parseAggregationPolicy(isPlain ? { ...aggregation, examples: "equal" } : aggregation);
  if (!("sampleCap" in policy)) return policy;
  const capped = { ...policy, sampleCap: Math.min(policy.sampleCap, sampleCap) };
  if (capped.name !== "fednova" || aggregation["accumulationCap"] !== undefined) return capped;
  return { ...capped, accumulationCap: mostAccumulated(federated.local, sampleCap) };
}

/** What privacy asks of rounds beside what the job does. */
function planFor(declared: RoundPlan, { central, secure }: TaskPrivacy): RoundPlan {
  if (secure !== null) return securePlan(declared, secure);
  return central?.coins === undefined ? declared : poissonPlan(declared, central.coins);
}

function planOf(
  federated: FederatedSettings,
  policy: ResolvedAggregationPolicy,
  robust: ResolvedRobustRule | null,
): RoundPlan {
  const goal = goalOf(policy);
  const { maximumStaleness, overSelection, minimum } = federated;
  const arrival = arrivalOf(policy);
  const { invited } = crowdOf(arrival, goal, overSelection);
  return {
    ...{ arrival, goal, invited },
    minimum: Math.max(minimum ?? goal, robust === null ? 1 : clientsNeeded(robust)),
    ...{ carriesOver: maximumStaleness > 0, maximumStaleness },
    selectionTimeoutMs: 1000 * federated.selectionSeconds,
    configurationTimeoutMs: 1000 * federated.configurationSeconds,
    reportingTimeoutMs: 1000 * federated.reportingSeconds,
    commitTimeoutMs,
  };
}

/** However large the model, two of its contributions may be on their way: where there is room for none, none ever comes. */
function intakeFor(contribution: number): AggregatorSettings["intake"] {
  const bytesOfClient = 8 * contribution;
  return { bytesOfClient, bytesInAll: Math.max(uploadBytes, 4 * contribution), idleMs: uploadIdleMs };
}

/** Of a contribution in float32. */
function contentBytes(size: number, local: LocalTraining): number {
  return vectorsTogether(local) * size * Float32Array.BYTES_PER_ELEMENT;
}

/** Encodings go by their names. */
function byName(specs: FederatedSettings["down"]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(specs.map((spec) => [String(spec["name"]), spec]));
}

/** Running statistics are sent plain; where they lie among the keys that travel. */
function plainKeys(segments: readonly Segment[], { spans }: SharedKeys): readonly PlainKeys[] {
  const statistics = segments.filter(({ role }) => role === "statistic");
  let packed = 0;
  return spans.flatMap(({ begin, end }) => {
    const shift = packed - begin;
    packed += end - begin;
    return statistics
      .filter(({ offset, length }) => offset < end && offset + length > begin)
      .map(({ offset, length }) => ({
        begin: Math.max(offset, begin) + shift,
        end: Math.min(offset + length, end) + shift,
      }));
  });
}
