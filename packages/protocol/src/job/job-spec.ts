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
import {
  gradientClipSchema,
  lossScaleSchema,
  precisionSchema,
  type GradientClip,
  type LossScale,
  type Precision,
} from "./gradient-settings.ts";
import { maximumParameterGroups, parameterGroupSchema, type ParameterGroup } from "./parameter-group.ts";
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
  /** What the shards do about stale gradients; by default the learning rate is divided by the staleness. */
  readonly staleness: OpaqueSpec;
  /** Samples of one batch: one worker's part of a step. */
  readonly batchSize: number;
  /**
   * Gradient accumulation: a batch is computed in pieces of at most so many samples, which take less memory; its gradient
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
  /** Key ranges to cut the parameters into, fewer where whole layers must fit (LAMB, LARS); null: two for each server. */
  readonly shards: number | null;
  /** Workers to wait for before the run starts; null: start with those that are there (at least one). */
  readonly workers: number | null;
  /**
   * Asynchronous mode only: pull the next parameters while computing. Hides the pull at the price of about two more
   * updates of staleness, which momentum may not survive: off by default.
   */
  readonly prefetch: boolean;
  readonly evaluation: EvaluationSpec;
  readonly stop: StopSpec;
  /** Where the first values come from; null: drawn from the seed. */
  readonly initial: InitialSpec | null;
  /** Decides initial parameters and sample order. */
  readonly seed: number;
}

/** What a person writes: only what differs from the defaults. */
export type JobInput = Pick<JobSpec, "name" | "model" | "data" | "optimizer"> & {
  readonly [K in Exclude<keyof JobSpec, "name" | "model" | "data" | "optimizer" | "evaluation" | "stop">]?: JobSpec[K];
} & { readonly evaluation?: Partial<EvaluationSpec>; readonly stop?: Partial<StopSpec> };

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
  staleness: opaque.default({}),
  batchSize: z.int().min(1).max(1_048_576).default(64),
  microBatch: z.int().min(1).max(1_048_576).nullable().default(null),
  precision: precisionSchema.default("float32"),
  lossScale: lossScaleSchema.default(1),
  deterministic: z.boolean().default(false),
  epochs: z.int().min(1).max(1_000_000).default(1),
  slots: optionalCount,
  shards: z.int().min(1).max(4096).nullable().default(null),
  workers: z.int().min(1).max(4096).nullable().default(null),
  prefetch: z.boolean().default(false),
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
