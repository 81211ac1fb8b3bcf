/** What a person's tools (`shoal submit`, `shoal status`, the public API) say to the coordinator. */
import type { Ref } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import { z } from "zod";
import { jobSpecSchema, type JobSpec } from "../job/job-spec.ts";
import { metricsSchema } from "../job/test-metrics.ts";
import { trafficSchema, type Traffic } from "./work.ts";
import { countSchema, errorSchema, nameSchema, refSchema } from "./schema.ts";
import type { TestResult } from "./worker-control.ts";

/** "Run this job." `submission` makes a repeated request the same request. */
export interface SubmitRun {
  readonly type: "submit_run";
  readonly submission: string;
  readonly job: JobSpec;
  readonly replyTo: Ref<SubmitReply>;
}

export type SubmitReply =
  | { readonly type: "run_accepted"; readonly run: string }
  | { readonly type: "run_refused"; readonly error: SerializedError };

/** "How is this run?" */
export interface DescribeRun {
  readonly type: "describe_run";
  readonly run: string;
  readonly replyTo: Ref<RunReply>;
}

export type RunReply =
  | { readonly type: "run_described"; readonly status: RunStatus }
  | { readonly type: "run_unknown"; readonly run: string };

/** "How is the cluster?" */
export interface DescribeCluster {
  readonly type: "describe_cluster";
  readonly replyTo: Ref<ClusterStatus>;
}

/** "Stop this run." Idempotent. */
export interface CancelRun {
  readonly type: "cancel_run";
  readonly run: string;
  readonly replyTo: Ref<RunReply>;
}

/** "Take a snapshot of this run now." Taken as soon as it can be; the run's status names it. */
export interface SnapshotRun {
  readonly type: "snapshot_run";
  readonly run: string;
  readonly replyTo: Ref<RunReply>;
}

/** "Go on with this run from a snapshot." `submission` makes a repeated request the same request. */
export interface ResumeRun {
  readonly type: "resume_run";
  readonly submission: string;
  readonly run: string;
  /** null: the newest. */
  readonly snapshot: string | null;
  readonly replyTo: Ref<SubmitReply>;
}

export type ClientMessage = SubmitRun | DescribeRun | DescribeCluster | CancelRun | SnapshotRun | ResumeRun;

export const runPhases = ["queued", "starting", "training", "finishing", "completed", "failed", "cancelled"] as const;
export type RunPhase = (typeof runPhases)[number];

export interface Evaluation extends TestResult {
  readonly step: number;
  readonly version: number;
  readonly atMs: number;
}

export interface WorkerProgress {
  readonly member: number;
  readonly name: string;
  readonly clock: number;
  readonly batches: number;
  readonly samples: number;
  readonly computeMs: number;
  readonly waitMs: number;
  /** Its time for a sample over its newest steps, as a multiple of the workers' median; absent until it is known. */
  readonly timesMedian?: number | undefined;
  /** So much slower than the others that they may have to wait for it; absent: it is not. */
  readonly straggler?: boolean | undefined;
  /** It takes no part now: its lease has ended, it leaves, or it was excluded. Absent: it does. */
  readonly gone?: boolean | undefined;
}

/** What lossy encodings have left unsent. Its unit is that of gradients. */
export interface UnsentStatus {
  /** Norm of what the workers will still send. */
  readonly norm: number;
  /** Lives of workers that ended, or went on, without what they had left unsent, and the norm of that. */
  readonly lostWorkers: number;
  readonly lostNorm: number;
}

export interface TrafficStatus {
  /** Bytes of the newest reports as they were written; of the whole run once it has ended. */
  readonly pushedBytesPerSecond: number;
  readonly pulledBytesPerSecond: number;
  /** Of the whole run. */
  readonly total: Traffic;
  /** Absent where nothing was left unsent. */
  readonly unsent?: UnsentStatus | undefined;
}

export interface SnapshotStatus {
  /** The newest whole one; null: there is none. */
  readonly newest: {
    readonly snapshot: string;
    readonly step: number;
    readonly atMs: number;
    readonly bytes: number;
    /** The longest time that a shard stood still for it, ms. */
    readonly blockedMs: number;
  } | null;
  /** Why the newest attempt came to nothing; null: it did not. */
  readonly failure: string | null;
}

export interface RunStatus {
  readonly run: string;
  readonly name: string;
  /** Its data is with clients. Absent: it is with the workers. */
  readonly federated?: boolean | undefined;
  readonly phase: RunPhase;
  /** Why it is in this phase: whom it waits for, how it ended. */
  readonly reason: string;
  /** Milliseconds since training began; 0 before. */
  readonly elapsedMs: number;
  readonly batchesDone: number;
  readonly totalBatches: number;
  readonly step: number;
  readonly totalSteps: number;
  readonly samples: number;
  readonly samplesPerSecond: number;
  /** Mean training loss of the newest reports; null before the first. */
  readonly loss: number | null;
  readonly stalenessMean: number;
  readonly stalenessMax: number;
  readonly dataSource: string;
  /** What the workers sent and received; null before the first report. */
  readonly traffic: TrafficStatus | null;
  /** null: none are taken, or there is no place for them. */
  readonly snapshots: SnapshotStatus | null;
  readonly workers: readonly WorkerProgress[];
  /** Where the shards are; empty before the run starts. */
  readonly servers: readonly ServerLoad[];
  readonly evaluations: readonly Evaluation[];
  readonly result: (TestResult & { readonly modelFile: string }) | null;
  readonly error: SerializedError | null;
}

/** What a server carries of a run. */
export interface ServerLoad {
  readonly name: string;
  /** Shards that it leads, and copies of others' that it holds or is being filled with. */
  readonly leads: number;
  readonly copies: number;
  /** Parameters in all of them. */
  readonly keys: number;
  /** Gradients and values between the workers and the shards that it leads, smoothed. */
  readonly bytesPerSecond: number;
  /** What balancing weighs (keys and traffic, copies included), in multiples of the mean of all servers. */
  readonly timesMean: number;
}

export interface MemberStatus {
  readonly member: number;
  readonly incarnation: number;
  readonly name: string;
  readonly role: "worker" | "server";
  readonly endpoint: string | null;
  readonly alive: boolean;
  readonly sinceHeartbeatMs: number;
}

export interface ClusterStatus {
  readonly type: "cluster_described";
  readonly cluster: string;
  readonly members: readonly MemberStatus[];
  readonly runs: readonly RunStatus[];
}

export const clientSchemas: readonly [
  z.ZodType<SubmitRun>,
  z.ZodType<DescribeRun>,
  z.ZodType<DescribeCluster>,
  z.ZodType<CancelRun>,
  z.ZodType<SnapshotRun>,
  z.ZodType<ResumeRun>,
] = [
  z.strictObject({
    type: z.literal("submit_run"),
    submission: z.string().min(1).max(64),
    job: jobSpecSchema,
    replyTo: refSchema<SubmitReply>(),
  }),
  z.strictObject({ type: z.literal("describe_run"), run: nameSchema, replyTo: refSchema<RunReply>() }),
  z.strictObject({ type: z.literal("describe_cluster"), replyTo: refSchema<ClusterStatus>() }),
  z.strictObject({ type: z.literal("cancel_run"), run: nameSchema, replyTo: refSchema<RunReply>() }),
  z.strictObject({ type: z.literal("snapshot_run"), run: nameSchema, replyTo: refSchema<RunReply>() }),
  z.strictObject({
    type: z.literal("resume_run"),
    submission: z.string().min(1).max(64),
    run: nameSchema,
    snapshot: nameSchema.nullable(),
    replyTo: refSchema<SubmitReply>(),
  }),
];

export const submitReplySchema: z.ZodType<SubmitReply> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("run_accepted"), run: nameSchema }),
  z.strictObject({ type: z.literal("run_refused"), error: errorSchema }),
]);

const measure = z.number().min(0);

const runStatusSchema: z.ZodType<RunStatus> = z.strictObject({
  run: nameSchema,
  name: nameSchema,
  federated: z.boolean().optional(),
  phase: z.enum(runPhases),
  reason: z.string().max(4096),
  elapsedMs: measure,
  batchesDone: countSchema,
  totalBatches: countSchema,
  step: countSchema,
  totalSteps: countSchema,
  samples: measure,
  samplesPerSecond: measure,
  loss: z.number().nullable(),
  stalenessMean: measure,
  stalenessMax: measure,
  dataSource: z.string().max(1024),
  traffic: z
    .strictObject({
      pushedBytesPerSecond: measure,
      pulledBytesPerSecond: measure,
      total: trafficSchema,
      unsent: z.strictObject({ norm: measure, lostWorkers: measure, lostNorm: measure }).optional(),
    })
    .nullable(),
  snapshots: z
    .strictObject({
      newest: z
        .strictObject({ snapshot: nameSchema, step: countSchema, atMs: measure, bytes: measure, blockedMs: measure })
        .nullable(),
      failure: z.string().max(4096).nullable(),
    })
    .nullable(),
  workers: z
    .array(
      z.strictObject({
        member: countSchema,
        name: nameSchema,
        clock: countSchema,
        batches: countSchema,
        samples: measure,
        computeMs: measure,
        waitMs: measure,
        timesMedian: measure.optional(),
        straggler: z.boolean().optional(),
        gone: z.boolean().optional(),
      }),
    )
    .max(4096),
  servers: z
    .array(
      z.strictObject({
        name: nameSchema,
        leads: countSchema,
        copies: countSchema,
        keys: countSchema,
        bytesPerSecond: measure,
        timesMean: measure,
      }),
    )
    .max(4096),
  evaluations: z
    .array(
      z.strictObject({
        accuracy: z.number(),
        loss: z.number(),
        metrics: metricsSchema,
        step: countSchema,
        version: countSchema,
        atMs: measure,
      }),
    )
    .max(10_000),
  result: z
    .strictObject({ accuracy: z.number(), loss: z.number(), metrics: metricsSchema, modelFile: z.string() })
    .nullable(),
  error: errorSchema.nullable(),
});

export const runReplySchema: z.ZodType<RunReply> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("run_described"), status: runStatusSchema }),
  z.strictObject({ type: z.literal("run_unknown"), run: nameSchema }),
]);

export const clusterStatusSchema: z.ZodType<ClusterStatus> = z.strictObject({
  type: z.literal("cluster_described"),
  cluster: nameSchema,
  members: z
    .array(
      z.strictObject({
        member: countSchema,
        incarnation: countSchema,
        name: nameSchema,
        role: z.enum(["worker", "server"]),
        endpoint: z.string().nullable(),
        alive: z.boolean(),
        sinceHeartbeatMs: measure,
      }),
    )
    .max(8192),
  runs: z.array(runStatusSchema).max(1024),
});
