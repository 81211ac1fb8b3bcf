/** What a working worker and the coordinator say to each other: leases of batches, progress, evaluations, failures. */
import type { Ref } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import { z } from "zod";
import { maximumBatchesOfPush } from "../job/batch-parts.ts";
import { countSchema, errorSchema, nameSchema, refSchema } from "./schema.ts";
import { placementSchema, testResultSchema, type Placement, type TestResult } from "./worker-control.ts";

interface FromWorker {
  readonly run: string;
  readonly member: number;
  readonly incarnation: number;
}

/** Batches `begin ≤ b < end`. */
export interface BatchRange {
  readonly begin: number;
  readonly end: number;
}

/** "I have nothing to do: give me batches." (Bounded and asynchronous mode.) */
export interface RequestBatches extends FromWorker {
  readonly type: "request_batches";
  readonly replyTo: Ref<BatchesReply>;
}

export type BatchesReply =
  /** "These are yours until your lease ends." Asked again before they are done, the same lease is granted again. */
  | {
      readonly type: "batches_granted";
      readonly run: string;
      readonly batches: BatchRange;
      /**
       * Adaptive batches: how many of them make one iteration, on average; absent: 1. One by one where somebody else may
       * have pushed some of them.
       */
      readonly perIteration?: number | undefined;
      /** True: pull, measure the test split and report before starting these batches. */
      readonly evaluateFirst: boolean;
    }
  /** "All batches are leased; some may come back. Ask again in `retryAfterMs`." */
  | { readonly type: "batches_pending"; readonly run: string; readonly retryAfterMs: number }
  /** "Every batch is done (or the run is over)." */
  | { readonly type: "batches_exhausted"; readonly run: string };

/** Bytes of the vectors that a worker sent and received, as float32 would be and as they were written. */
export interface Traffic {
  readonly pushedBefore: number;
  readonly pushedAfter: number;
  readonly pulledBefore: number;
  readonly pulledAfter: number;
  /** Sum of ‖error‖ / ‖vector‖ over `errors` encoded pushes, each of one shard. */
  readonly errorSum: number;
  readonly errors: number;
}

/** A slot of another worker that the reporter contributed to a step, because nobody had for long. */
export interface StoodIn {
  readonly slot: number;
  readonly step: number;
}

/** Of one report; those beyond it are named by a later one, if they are stood in for again. */
export const maximumStoodIn = 1024;

/** What a worker measured since its last report. */
export interface ProgressFigures {
  readonly clock: number;
  /** Mean training loss of the batches in this report; null when it has none. */
  readonly loss: number | null;
  /** Mean training loss of the first of these batches; null when there is none. */
  readonly firstLoss: number | null;
  readonly samples: number;
  readonly stalenessSum: number;
  readonly stalenessMax: number;
  /** Number of staleness values in the sum: one for each acknowledged push. */
  readonly pushes: number;
  readonly computeMs: number;
  readonly waitMs: number;
  /** Absent where nothing was exchanged. */
  readonly traffic?: Traffic | undefined;
  /** ‖what lossy encodings have left unsent‖ now; absent where nothing is. */
  readonly unsentNorm?: number | undefined;
  /** This life of the worker went on from the saved error of the one before. */
  readonly restored?: boolean | undefined;
  /** Synchronous mode: slots of others that it stood in for, with the newest step of each. Absent: none. */
  readonly stoodIn?: readonly StoodIn[] | undefined;
}

/** "All shards have acknowledged these batches." Repeated until answered; counting twice is counting once. */
export interface ReportProgress extends FromWorker {
  readonly type: "report_progress";
  /** Counts this incarnation's reports, so that figures of a repeated report are not added twice. */
  readonly report: number;
  readonly completed: readonly BatchRange[];
  readonly figures: ProgressFigures;
  readonly replyTo: Ref<ProgressReply>;
}

export interface ProgressReply {
  readonly type: "progress_recorded";
  readonly run: string;
  readonly report: number;
}

/** "I measured the test split with the values of this step." Repeated until answered. */
export interface ReportEvaluation extends FromWorker {
  readonly type: "report_evaluation";
  /** Steps (synchronous mode: clock; else completed batches as the worker knew them) behind the measured values. */
  readonly step: number;
  readonly version: number;
  readonly result: TestResult;
  /** Why no step can follow, where none can: the run ends with these values. */
  readonly ends?: string | undefined;
  readonly replyTo: Ref<EvaluationReply>;
}

export interface EvaluationReply {
  readonly type: "evaluation_recorded";
  readonly run: string;
  readonly step: number;
  /** False: the run stops here; `reason` says why. */
  readonly proceed: boolean;
  readonly reason: string;
}

/** "I cannot go on with this run." */
export interface ReportFailure extends FromWorker {
  readonly type: "report_failure";
  readonly error: SerializedError;
}

/** "A server does not answer, or says that it does not lead a shard: where do the shards live now?" */
export interface RequestPlacement extends FromWorker {
  readonly type: "request_placement";
  /** Of the placement that the worker follows. */
  readonly term: number;
  readonly replyTo: Ref<PlacementReply>;
}

/** The newest placement that may be followed, which may be the one that the worker has. */
export interface PlacementReply {
  readonly type: "placement";
  readonly run: string;
  readonly placement: Placement;
}

export type WorkMessage = RequestBatches | ReportProgress | ReportEvaluation | ReportFailure | RequestPlacement;

const from = { run: nameSchema, member: countSchema, incarnation: countSchema };
const range: z.ZodType<BatchRange> = z.strictObject({ begin: countSchema, end: countSchema });
const measure = z.number().min(0);

export const trafficSchema: z.ZodType<Traffic> = z.strictObject({
  pushedBefore: measure,
  pushedAfter: measure,
  pulledBefore: measure,
  pulledAfter: measure,
  errorSum: measure,
  errors: measure,
});

export const workSchemas: readonly [
  z.ZodType<RequestBatches>,
  z.ZodType<ReportProgress>,
  z.ZodType<ReportEvaluation>,
  z.ZodType<ReportFailure>,
  z.ZodType<RequestPlacement>,
] = [
  z.strictObject({ type: z.literal("request_batches"), ...from, replyTo: refSchema<BatchesReply>() }),
  z.strictObject({
    type: z.literal("report_progress"),
    ...from,
    report: countSchema,
    completed: z.array(range).max(4096),
    figures: z.strictObject({
      clock: countSchema,
      loss: z.number().nullable(),
      firstLoss: z.number().nullable(),
      samples: countSchema,
      stalenessSum: measure,
      stalenessMax: measure,
      pushes: countSchema,
      computeMs: measure,
      waitMs: measure,
      traffic: trafficSchema.optional(),
      unsentNorm: measure.optional(),
      restored: z.boolean().optional(),
      stoodIn: z
        .array(z.strictObject({ slot: countSchema, step: countSchema }))
        .max(maximumStoodIn)
        .optional(),
    }),
    replyTo: refSchema<ProgressReply>(),
  }),
  z.strictObject({
    type: z.literal("report_evaluation"),
    ...from,
    step: countSchema,
    version: countSchema,
    result: testResultSchema,
    ends: z.string().max(1024).optional(),
    replyTo: refSchema<EvaluationReply>(),
  }),
  z.strictObject({ type: z.literal("report_failure"), ...from, error: errorSchema }),
  z.strictObject({
    type: z.literal("request_placement"),
    ...from,
    term: countSchema,
    replyTo: refSchema<PlacementReply>(),
  }),
];

export const batchesReplySchema: z.ZodType<BatchesReply> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("batches_granted"),
    run: nameSchema,
    batches: range,
    perIteration: z.number().min(1).max(maximumBatchesOfPush).optional(),
    evaluateFirst: z.boolean(),
  }),
  z.strictObject({ type: z.literal("batches_pending"), run: nameSchema, retryAfterMs: measure }),
  z.strictObject({ type: z.literal("batches_exhausted"), run: nameSchema }),
]);

export const placementReplySchema: z.ZodType<PlacementReply> = z.strictObject({
  type: z.literal("placement"),
  run: nameSchema,
  placement: placementSchema,
});

export const progressReplySchema: z.ZodType<ProgressReply> = z.strictObject({
  type: z.literal("progress_recorded"),
  run: nameSchema,
  report: countSchema,
});

export const evaluationReplySchema: z.ZodType<EvaluationReply> = z.strictObject({
  type: z.literal("evaluation_recorded"),
  run: nameSchema,
  step: countSchema,
  proceed: z.boolean(),
  reason: z.string().max(1024),
});
