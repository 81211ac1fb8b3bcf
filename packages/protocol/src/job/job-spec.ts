/**
 * A job: everything that decides the outcome of a run, as data.
 *
 * `model`, `data`, `optimizer` and `schedule` are opaque here: the packages that understand them check them
 * (`parseModelSpec`, `parseDatasetSpec` in `models`; `parseOptimizerSpec`, `parseScheduleSpec` in `optimization`). The
 * `shoal` package and the coordinator run all checks before anything starts.
 */
import { ShoalError } from "@shoal/errors";
import { z } from "zod";
import { aggregationSchema, consistencySchema, type Aggregation, type Consistency } from "../consistency.ts";
import { communicationSchema, type Communication, type CommunicationInput } from "./communication.ts";
import {
  gradientClipSchema,
  lossScaleSchema,
  precisionSchema,
  type GradientClip,
  type LossScale,
  type Precision,
} from "./gradient-settings.ts";
import { durabilitySettingsSchema, type DurabilitySettings } from "./durability-settings.ts";
import { encodingSettingsSchema, type EncodingSettings } from "./encoding-settings.ts";
import { federatedSettingsSchema, type FederatedInput, type FederatedSettings } from "./federated-settings.ts";
import { guardSettingsSchema, type GuardSettings } from "./guard-settings.ts";
import { maximumParameterGroups, parameterGroupSchema, type ParameterGroup } from "./parameter-group.ts";
import { stragglerSettingsSchema, type recommended, type StragglerSettings } from "./straggler-settings.ts";
import { metricNamesSchema, stopMetricSchema, type StopMetric } from "./test-metrics.ts";

/** A specification that another package checks: an object with plain data in it. */
export type OpaqueSpec = Readonly<Record<string, unknown>>;

export interface EvaluationSpec {
  /** Evaluate on the test split after every so many steps; null: after every epoch. */
  readonly everySteps: number | null;
  /** Metrics beside the loss, by name; null: those that suit the model's loss. */
  readonly metrics: readonly string[] | null;
}

export interface InitialSpec {
  /** A model file. Parameters of the same name and shape start from it, the others are drawn from the seed. */
  readonly file: string;
}

export interface StopSpec {
  /** End the run when an evaluation reaches this test accuracy (0…1); null: never. */
  readonly accuracy: number | null;
  /** End the run when a metric reaches a bound; null: never. */
  readonly metric: StopMetric | null;
  /** End the run after so many evaluations without a better loss; null: never. */
  readonly patience: number | null;
}

export interface JobSpec {
  /** For people and file names. */
  readonly name: string;
  readonly model: OpaqueSpec;
  readonly data: OpaqueSpec;
  readonly optimizer: OpaqueSpec;
  readonly schedule: OpaqueSpec;
  /** Parameters that are updated in a way of their own; the first group that matches counts. */
  readonly parameterGroups: readonly ParameterGroup[];
  /** Bound on each contribution's gradient; null: none. */
  readonly gradientClip: GradientClip | null;
  readonly consistency: Consistency;
  readonly aggregation: Aggregation;
  /** What workers push and how often; by default the gradient of each contribution. */
  readonly communication: Communication;
  /** What the shards do about stale gradients; by default the learning rate is divided by the staleness. */
  readonly staleness: OpaqueSpec;
  /** How gradients and values are written on their way; by default as float32, exact. */
  readonly encoding: EncodingSettings;
  /** What is done about workers that are slower than the others; by default nothing. */
  readonly stragglers: StragglerSettings;
  /** Ends a run that cannot learn, with a sentence that says why; on by default. */
  readonly guard: GuardSettings;
  /** Copies of the shards and snapshots of the run. */
  readonly durability: DurabilitySettings;
  /** The data is with clients, who train in rounds; null: workers have it. */
  readonly federated: FederatedSettings | null;
  /** Samples of one batch: one worker's part of a step. */
  readonly batchSize: number;
  /**
   * Gradient accumulation, for fewer exchanges: batches whose mean gradient, weighted by samples, is one contribution
   * (with local updates: one inner step). A step then has `accumulation` times as many samples.
   */
  readonly accumulation: number;
  /**
   * Gradient accumulation, for less memory: a batch is computed in pieces of at most so many samples, which take less memory; its gradient
   * is their mean, weighted by samples. null: in one piece.
   */
  readonly microBatch: number | null;
  readonly precision: Precision;
  readonly lossScale: LossScale;
  /** Compute with the kernels that give the same bits on every processor and engine; up to twice the time. */
  readonly deterministic: boolean;
  readonly epochs: number;
  /** Batches that make up one synchronous step; null: the number of workers when the run starts. */
  readonly slots: number | null;
  /**
   * Key ranges to cut the parameters into, fewer where whole layers must fit (LAMB, LARS); null: of about 2 MiB, 2 to 16
   * for each server. With `overlap` each is exchanged on its own as its gradient becomes final.
   */
  readonly shards: number | null;
  /** Workers to wait for before the run starts; null: start with those that are there (at least one). */
  readonly workers: number | null;
  /**
   * Asynchronous mode only: pull the next parameters while computing. Hides the pull at the price of about two more
   * updates of staleness, which momentum may not survive: off by default.
   */
  readonly prefetch: boolean;
  /**
   * Exchange while computing: the gradients of the last layers leave while the backward pass still computes the first,
   * and the next forward pass begins when the parameters of the first layers are there. The results are the same bits.
   */
  readonly overlap: boolean;
  readonly evaluation: EvaluationSpec;
  readonly stop: StopSpec;
  /** Where the first values come from; null: drawn from the seed. */
  readonly initial: InitialSpec | null;
  /** Decides initial parameters and sample order. */
  readonly seed: number;
}

/** What a person writes: only what differs from the defaults. */
export type JobInput = Pick<JobSpec, "name" | "model" | "data" | "optimizer"> & {
  readonly [
    K in Exclude<keyof JobSpec, "name" | "model" | "data" | "optimizer" | "communication" | "federated" | PartialField>
  ]?: JobSpec[K];
} & { readonly [K in Exclude<PartialField, "stragglers">]?: Partial<JobSpec[K]> } & {
  readonly communication?: CommunicationInput;
  readonly federated?: FederatedInput | null;
  readonly stragglers?: Partial<StragglerSettings> | typeof recommended;
};

/** Fields of which only the parts that differ are written. */
type PartialField = "durability" | "evaluation" | "stop" | "stragglers" | "guard" | "encoding";

const opaque = z.record(z.string(), z.unknown());
const optionalCount = z.int().min(1).max(0xffff_ffff).nullable().default(null);

const jobSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, "expected lower-case letters, digits and dashes, at most 41"),
  model: opaque,
  data: opaque,
  optimizer: opaque,
  schedule: opaque.default({ name: "constant" }),
  parameterGroups: z.array(parameterGroupSchema).max(maximumParameterGroups).default([]),
  gradientClip: gradientClipSchema.nullable().default(null),
  consistency: consistencySchema.default({ mode: "synchronous" }),
  aggregation: aggregationSchema.default("mean"),
  communication: communicationSchema.default({ name: "gradients" }),
  staleness: opaque.default({}),
  encoding: encodingSettingsSchema.prefault({}),
  stragglers: stragglerSettingsSchema.prefault({}),
  guard: guardSettingsSchema.prefault({}),
  durability: durabilitySettingsSchema.prefault({}),
  federated: federatedSettingsSchema.nullable().default(null),
  batchSize: z.int().min(1).max(1_048_576).default(64),
  accumulation: z.int().min(1).max(65_536).default(1),
  microBatch: z.int().min(1).max(1_048_576).nullable().default(null),
  precision: precisionSchema.default("float32"),
  lossScale: lossScaleSchema.default(1),
  deterministic: z.boolean().default(false),
  epochs: z.int().min(1).max(1_000_000).default(1),
  slots: optionalCount,
  shards: z.int().min(1).max(4096).nullable().default(null),
  workers: z.int().min(1).max(4096).nullable().default(null),
  prefetch: z.boolean().default(false),
  overlap: z.boolean().default(true),
  evaluation: z
    .strictObject({
      everySteps: optionalCount,
      metrics: metricNamesSchema.nullable().default(null),
    })
    .prefault({}),
  stop: z
    .strictObject({
      accuracy: z.number().min(0).max(1).nullable().default(null),
      metric: stopMetricSchema.nullable().default(null),
      patience: optionalCount,
    })
    .prefault({}),
  initial: z
    .strictObject({ file: z.string().min(1).max(4096) })
    .nullable()
    .default(null),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
});

/**
 * Checks the form of a job and fills in the defaults.
 * @throws ShoalError invalid_job - the message names the first wrong field and what was expected
 */
export function parseJobSpec(input: unknown): JobSpec {
  const result = jobSchema.safeParse(input);
  if (result.success) return checkMicroBatch(result.data);
  const issue = result.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "job" : `job.${issue.path.join(".")}`;
  throw new ShoalError("invalid_job", `${field}: ${issue?.message ?? "invalid"}`, { field });
}

function checkMicroBatch(job: JobSpec): JobSpec {
  const { batchSize, microBatch } = job;
  if (microBatch === null || microBatch <= batchSize) return job;
  const field = "job.microBatch";
  throw new ShoalError("invalid_job", `${field}: expected at most the batchSize, ${batchSize}, got ${microBatch}`, {
    field,
  });
}

/** Schema of a job on the wire: complete, all defaults filled in. */
export const jobSpecSchema: z.ZodType<JobSpec> = jobSchema;
