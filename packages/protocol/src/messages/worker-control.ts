/** What the coordinator tells a worker node about its runs, and what it answers. */
import type { Ref } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import { z } from "zod";
import { describeWorkSchema, type DescribeWork } from "./describe-work.ts";
import { readRoundsSchema, type ReadRounds } from "./read-rounds.ts";
import { jobSpecSchema, type JobSpec } from "../job/job-spec.ts";
import { metricsSchema } from "../job/test-metrics.ts";
import { countSchema, errorSchema, nameSchema, positiveSchema, refSchema } from "./schema.ts";
import { savedSlotSchema, type SavedSlot } from "../snapshots/manifest.ts";
import { encodingLayoutSchema, type ShardEncodingLayout } from "./treatments.ts";

/** Where a shard lives. */
export interface ShardPlacement {
  readonly shard: number;
  readonly begin: number;
  readonly end: number;
  /** Node name of its server. */
  readonly node: string;
  readonly endpoint: string;
  /** Where the job has an encoding other than float32. */
  readonly encoding?: ShardEncodingLayout | undefined;
}

/**
 * All shards of a run under one term, ascending by shard, covering the whole vector. The term grows with every placement of
 * the run, whichever seat has changed: of two, the one with the higher term is the newer.
 */
export interface Placement {
  readonly term: number;
  readonly shards: readonly ShardPlacement[];
}

/** How the samples of a synchronous step are divided over its slots, from a step on. */
export interface StepCut {
  readonly fromStep: number;
  /** Samples of each slot in a full step. */
  readonly sizes: readonly number[];
}

/** The cuts that hold for all steps below `until`; no step beyond it may be begun. */
export interface StepCuts {
  /** Ascending; the first one holds for the oldest step that somebody may still compute. */
  readonly cuts: readonly StepCut[];
  readonly until: number;
}

/** Slots of a step that may be cut unevenly: what is announced of them must fit a message. */
export const maximumCutSlots = 4096;

/** Slots that a worker gives up, with what they keep from step to step. */
export interface GivenSlots {
  /** What it saves is found under this name, as what a snapshot of this name had of the slots. */
  readonly name: string;
  readonly slots: readonly number[];
}

/** Slots that go on with what another worker saved of them. */
export interface TakenSlots extends GivenSlots {
  /** The first step that the other one did not compute. */
  readonly step: number;
}

/** How what slots keep goes with them, where they keep something and some of them move. */
export interface SlotMoves {
  /**
   * Before its next step the worker saves what these keep, and computes them no further. They are among its slots until
   * that is known to be done; named no more and still among them, they are its own again.
   */
  readonly give: readonly GivenSlots[];
  /** These begin with what is saved of them, in that step and in none before. */
  readonly take: readonly TakenSlots[];
}

/** What one worker has to do in a run; a newer revision replaces the older one while the run goes on. */
export interface WorkerAssignment {
  readonly revision: number;
  /** Slots of each synchronous step that this worker computes, ascending. Empty outside synchronous mode. */
  readonly slots: readonly number[];
  /** Where the parts of a step follow the workers' speeds. */
  readonly stepCuts?: StepCuts | undefined;
  readonly moves?: SlotMoves | undefined;
  /** True for the one worker that gives the shards their initial values. */
  readonly initialize: boolean;
}

/** "Take part in this run." Repeated until answered. */
export interface StartRun {
  readonly type: "start_run";
  readonly run: string;
  /** Counts how often the run began again from a snapshot: another attempt is another run. Absent: 0. */
  readonly attempt?: number | undefined;
  readonly job: JobSpec;
  /** Slots of a synchronous step (1 in other modes): fixes the numbering of batches. */
  readonly slots: number;
  readonly placement: Placement;
  readonly assignment: WorkerAssignment;
  /** The snapshot that the attempt began with: what slots keep from step to step goes on from there in its step. */
  readonly from?: { readonly snapshot: string; readonly step: number } | undefined;
  /** Slots keep something from step to step: a worker that leaves says so first, and gives them up with that. */
  readonly keepsSlots?: boolean | undefined;
  readonly replyTo: Ref<WorkerReply>;
}

/** "Your part of the run has changed." Repeated until answered, and until the slots that are given up are saved. */
export interface AssignWork {
  readonly type: "assign_work";
  readonly run: string;
  readonly assignment: WorkerAssignment;
  /** Where the shards live now; absent: where they did. Exchanges under way with a server that lost a shard begin again. */
  readonly placement?: Placement | undefined;
  readonly replyTo: Ref<WorkerReply>;
}

/** "All batches are done: measure the final parameters and write the model." Repeated until answered. */
export interface FinishRun {
  readonly type: "finish_run";
  readonly run: string;
  readonly replyTo: Ref<WorkerReply>;
}

/** "Stop working on this run." Idempotent. */
export interface StopRun {
  readonly type: "stop_run";
  readonly run: string;
  /** The attempt that is over, and those before it. Absent: 0. */
  readonly attempt?: number | undefined;
  /** No other attempt follows, and no other worker goes on. Absent: one may. */
  readonly isOver?: boolean | undefined;
  readonly reason: string;
  readonly replyTo: Ref<WorkerReply>;
}

/**
 * "Save what these slots keep from step to step, as it is when step `version` begins." Repeated until all are saved; a newer
 * snapshot takes the place of an older one.
 */
export interface SaveSlots {
  readonly type: "save_slots";
  readonly run: string;
  readonly snapshot: string;
  readonly version: number;
  readonly slots: readonly number[];
  readonly replyTo: Ref<WorkerReply>;
}

/** Of one command and one reply. */
export const maximumSavedSlots = 512;

export type WorkerCommand = StartRun | AssignWork | FinishRun | StopRun | SaveSlots | DescribeWork | ReadRounds;

/** Measured on the whole test split. */
export interface TestResult {
  /** Share of right answers; 0 for a model whose answers are numbers. */
  readonly accuracy: number;
  readonly loss: number;
  /** The metrics that the job asks for, by name; those that are not defined on this split are absent. */
  readonly metrics: Readonly<Record<string, number>>;
}

export type WorkerReply =
  | {
      readonly type: "run_started";
      readonly run: string;
      readonly node: string;
      /** A sentence on where the data came from. */
      readonly dataSource: string;
      readonly trainSamples: number;
    }
  | { readonly type: "start_refused"; readonly run: string; readonly node: string; readonly error: SerializedError }
  | {
      readonly type: "work_assigned";
      readonly run: string;
      readonly node: string;
      readonly revision: number;
      /** Term of the placement that the worker follows now. */
      readonly term?: number | undefined;
    }
  | {
      readonly type: "run_finished";
      readonly run: string;
      readonly node: string;
      readonly result: TestResult;
      /** Absolute path of the written model file on the worker's machine. */
      readonly modelFile: string;
    }
  | { readonly type: "finish_failed"; readonly run: string; readonly node: string; readonly error: SerializedError }
  | {
      readonly type: "slots_saved";
      readonly run: string;
      readonly node: string;
      readonly snapshot: string;
      /** The step that they are given up before; absent: they are saved for a snapshot, and computed on. */
      readonly step?: number | undefined;
      readonly slots: readonly SavedSlot[];
    }
  /** "There will be nothing under this name." @param passed the step that it was in already; null: it is something else */
  | {
      readonly type: "slots_not_saved";
      readonly run: string;
      readonly node: string;
      readonly snapshot: string;
      readonly passed: number | null;
      readonly error: SerializedError;
    }
  | { readonly type: "run_stopped"; readonly run: string; readonly node: string };

const stepCuts: z.ZodType<StepCuts> = z.strictObject({
  cuts: z
    .array(z.strictObject({ fromStep: countSchema, sizes: z.array(positiveSchema).min(1).max(maximumCutSlots) }))
    .min(1)
    .max(8),
  until: countSchema,
});

const namedSlots = { name: nameSchema, slots: z.array(countSchema).min(1).max(65_536) };
const moves: z.ZodType<SlotMoves> = z.strictObject({
  give: z.array(z.strictObject(namedSlots)).max(maximumSavedSlots),
  take: z.array(z.strictObject({ ...namedSlots, step: countSchema })).max(maximumSavedSlots),
});

const assignment: z.ZodType<WorkerAssignment> = z.strictObject({
  revision: countSchema,
  slots: z.array(countSchema).max(65_536),
  stepCuts: stepCuts.optional(),
  moves: moves.optional(),
  initialize: z.boolean(),
});

export const placementSchema: z.ZodType<Placement> = z.strictObject({
  term: countSchema,
  shards: z
    .array(
      z.strictObject({
        shard: countSchema,
        begin: countSchema,
        end: positiveSchema,
        node: nameSchema,
        endpoint: z.string().min(1).max(255),
        encoding: encodingLayoutSchema.optional(),
      }),
    )
    .min(1)
    .max(4096),
});

const replyTo = refSchema<WorkerReply>();

export const workerCommandSchema: z.ZodType<WorkerCommand> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("start_run"),
    run: nameSchema,
    attempt: countSchema.optional(),
    job: jobSpecSchema,
    slots: positiveSchema,
    placement: placementSchema,
    assignment,
    from: z.strictObject({ snapshot: nameSchema, step: countSchema }).optional(),
    keepsSlots: z.boolean().optional(),
    replyTo,
  }),
  z.strictObject({
    type: z.literal("assign_work"),
    run: nameSchema,
    assignment,
    placement: placementSchema.optional(),
    replyTo,
  }),
  z.strictObject({ type: z.literal("finish_run"), run: nameSchema, replyTo }),
  z.strictObject({
    type: z.literal("stop_run"),
    run: nameSchema,
    attempt: countSchema.optional(),
    isOver: z.boolean().optional(),
    reason: z.string().max(1024),
    replyTo,
  }),
  z.strictObject({
    type: z.literal("save_slots"),
    run: nameSchema,
    snapshot: nameSchema,
    version: countSchema,
    slots: z.array(countSchema).min(1).max(maximumSavedSlots),
    replyTo,
  }),
  describeWorkSchema,
  readRoundsSchema,
]);

const from = { run: nameSchema, node: nameSchema };

export const testResultSchema: z.ZodType<TestResult> = z.strictObject({
  accuracy: z.number().min(0).max(1),
  loss: z.number(),
  metrics: metricsSchema,
});

export const workerReplySchema: z.ZodType<WorkerReply> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("run_started"),
    ...from,
    dataSource: z.string().max(1024),
    trainSamples: positiveSchema,
  }),
  z.strictObject({ type: z.literal("start_refused"), ...from, error: errorSchema }),
  z.strictObject({ type: z.literal("work_assigned"), ...from, revision: countSchema, term: countSchema.optional() }),
  z.strictObject({
    type: z.literal("run_finished"),
    ...from,
    result: testResultSchema,
    modelFile: z.string().max(4096),
  }),
  z.strictObject({ type: z.literal("finish_failed"), ...from, error: errorSchema }),
  z.strictObject({
    type: z.literal("slots_saved"),
    ...from,
    snapshot: nameSchema,
    step: countSchema.optional(),
    slots: z.array(savedSlotSchema).max(maximumSavedSlots),
  }),
  z.strictObject({
    type: z.literal("slots_not_saved"),
    ...from,
    snapshot: nameSchema,
    passed: countSchema.nullable(),
    error: errorSchema,
  }),
  z.strictObject({ type: z.literal("run_stopped"), ...from }),
]);
