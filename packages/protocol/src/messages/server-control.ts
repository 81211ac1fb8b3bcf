/** What the coordinator tells a server node about its shards, and what it answers. */
import type { Ref } from "@shoal/actors";
import type { SerializedError } from "@shoal/errors";
import { z } from "zod";
import { aggregationSchema, consistencySchema, type Aggregation, type Consistency } from "../consistency.ts";
import type { AcknowledgeMode, SeatHolder, ShardSeat } from "../exchange/replication.ts";
import type { OpaqueSpec } from "../job/job-spec.ts";
import { bytesSchema, countSchema, errorSchema, nameSchema, positiveSchema, refSchema } from "./schema.ts";
import { intervalsSchema, savedShardSchema, type FlatIntervals, type SavedShard } from "../snapshots/manifest.ts";
import { encodingSettingsSchema, type EncodingSettings } from "../job/encoding-settings.ts";
import {
  encodingLayoutSchema,
  treatmentsSchema,
  updatesSchema,
  type RangeTreatment,
  type ShardEncodingLayout,
  type UpdateTreatment,
} from "./treatments.ts";

/** Who takes part in a run, as the coordinator sees it at `revision`. */
export interface RunMembers {
  /** Grows with every change; a shard ignores an older one. */
  readonly revision: number;
  readonly workers: readonly { readonly member: number; readonly incarnation: number; readonly name: string }[];
  /** Member that owns each slot (synchronous mode), by slot; for naming whom a step waits for. */
  readonly slotOwners: readonly number[];
  /** The guard has taken over: stale gradients are weighted by their staleness from now on, whatever the job says. */
  readonly fallBack?: boolean | undefined;
}

/** One key range of a run and the number it goes by. */
export interface ShardAssignment {
  readonly shard: number;
  readonly begin: number;
  readonly end: number;
  /** Who holds it; absent: this server alone, under the term of the hosting. */
  readonly seat?: ShardSeat | undefined;
  /** Cover the key range; each names an entry of the run's treatments. */
  readonly updates: readonly RangeTreatment[];
  /** Where the run has an encoding other than float32. */
  readonly encoding?: ShardEncodingLayout | undefined;
}

/**
 * "Own these key ranges of this run." Repeated until answered; hosting twice is hosting once. Under a term that is known
 * already, shards that the server does not hold yet are added to those that it holds: the others are left as they are.
 */
export interface HostShards {
  readonly type: "host_shards";
  readonly run: string;
  /** Fences an earlier placement of the same run. */
  readonly term: number;
  /** The life of the server that it is meant for: one that comes after it does not hold what that one did. Absent: any. */
  readonly life?: { readonly member: number; readonly incarnation: number } | undefined;
  readonly shards: readonly ShardAssignment[];
  readonly treatments: readonly UpdateTreatment[];
  readonly optimizer: OpaqueSpec;
  readonly schedule: OpaqueSpec;
  readonly consistency: Consistency;
  readonly aggregation: Aggregation;
  /** How gradients and values are written on their way; absent: as float32. */
  readonly encoding?: EncodingSettings | undefined;
  /** What is done about stale gradients (`parseStalenessSpec` in `optimization`). */
  readonly staleness: OpaqueSpec;
  /** Contributions that make one synchronous step. */
  readonly slots: number;
  /** A step may be closed before all of its contributions are there; see the job's `stragglers`. */
  readonly predictedWaiting?: boolean | undefined;
  /** Contributions that a step does without; absent: 0. */
  readonly backup?: number | undefined;
  /** Shards keep the values before the newest synchronous step, for workers that must compute it again. Absent: no. */
  readonly keepFormer?: boolean | undefined;
  /** When a primary with replicas acknowledges; absent: `replicated`. */
  readonly acknowledge?: AcknowledgeMode | undefined;
  /** The snapshot that primaries of the first seats begin with; absent: a worker brings the first values. */
  readonly snapshot?: string | undefined;
  readonly members: RunMembers;
  readonly replyTo: Ref<ServerReply>;
}

/**
 * "These are the seats of your shards now." Repeated until answered; a seat with a lower term than the known one is passed
 * over. A server that a seat no longer names gives its copy up. Shards that it does not hold yet come by `host_shards`.
 */
export interface SeatShards {
  readonly type: "seat_shards";
  readonly run: string;
  readonly seats: readonly ShardSeat[];
  readonly replyTo: Ref<ServerReply>;
}

/**
 * "Write these shards, of which you are primary, for this snapshot." Each is copied when it has the version, or at once where
 * none is named; training goes on. Repeated until all are answered. A server writes one snapshot of a run at a time.
 */
export interface SaveShards {
  readonly type: "save_shards";
  readonly run: string;
  readonly snapshot: string;
  readonly version: number | null;
  readonly shards: readonly number[];
  readonly replyTo: Ref<ServerReply>;
}

/** "The workers of this run have changed." */
export interface UpdateRunMembers {
  readonly type: "update_run_members";
  readonly run: string;
  readonly members: RunMembers;
  readonly replyTo: Ref<ServerReply>;
}

/** "How are the shards of this run?" */
export interface DescribeShards {
  readonly type: "describe_shards";
  readonly run: string;
  readonly replyTo: Ref<ServerReply>;
}

/** "The run is over: free its shards." Idempotent. */
export interface ReleaseRun {
  readonly type: "release_run";
  readonly run: string;
  readonly replyTo: Ref<ServerReply>;
}

export type ServerCommand = HostShards | SeatShards | SaveShards | UpdateRunMembers | DescribeShards | ReleaseRun;

/** What a server holds of a shard: the primary copy, a replica, or one that is still being filled. */
export type ShardRole = "primary" | "replica" | "learner";

/** A shard's state in figures: small enough for the control plane. */
export interface ShardSummary {
  readonly shard: number;
  readonly version: number;
  readonly initialized: boolean;
  readonly batchesApplied: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** Bytes of gradients and values that workers sent to this copy and were given by it. */
  readonly bytesMoved: number;
  readonly stalenessMean: number;
  readonly stalenessMax: number;
  /** 95th percentile of the newest stalenesses. */
  readonly stalenessP95: number;
  /** Of an update of the last moments: norm of its gradient, and by which share it changed the values. */
  readonly gradientNorm: number | null;
  readonly updateRatio: number | null;
  /** How far a worker may be ahead of the slowest now; null outside bounded mode. */
  readonly bound: number | null;
  /** Absent where the shard has no seat but its hosting. */
  readonly seat?: ShardSeatSummary | undefined;
  readonly waits: readonly {
    readonly waiter: string;
    readonly waitingFor: readonly string[];
    readonly reason: string;
    /** How long it has waited, ms. */
    readonly forMs: number;
  }[];
}

export interface ShardSeatSummary {
  readonly term: number;
  readonly role: ShardRole;
  /** Newest entry of the log that it has. */
  readonly index: number;
  /** Primary: members whose copy has all entries, or all but those on their way. */
  readonly caughtUp: readonly number[];
  /** Bytes of a state that is coming; absent: none is. */
  readonly received?: number | undefined;
}

export type ServerReply =
  | {
      readonly type: "shards_seated";
      readonly run: string;
      readonly node: string;
      /** Terms that the server knows now, of the shards that it was told of. */
      readonly seats: readonly { readonly shard: number; readonly term: number }[];
      /**
       * Those of them of which it holds no copy now, because their seat does not name it, or did not before: to be hosted
       * again where a newer one does. Left out: none.
       */
      readonly missing?: readonly number[];
    }
  /** Unasked: "this learner of my shard has all entries." Repeated until a new seat comes. */
  | {
      readonly type: "learner_caught_up";
      readonly run: string;
      readonly node: string;
      readonly shard: number;
      readonly term: number;
      readonly member: number;
    }
  | {
      readonly type: "shards_hosted";
      readonly run: string;
      readonly node: string;
      readonly term: number;
      /** The shards of the command that it answers, with the term of the seat that the server knows of each; absent: all. */
      readonly seats?: readonly { readonly shard: number; readonly term: number }[] | undefined;
    }
  | { readonly type: "hosting_failed"; readonly run: string; readonly node: string; readonly error: SerializedError }
  /** Some of the shards of `save_shards`; the others follow. */
  | {
      readonly type: "shards_saved";
      readonly run: string;
      readonly node: string;
      readonly snapshot: string;
      readonly shards: readonly SavedShard[];
      /** Batches that each of them has applied; those beyond the bound of the message are left out. */
      readonly done: FlatIntervals;
      /** The longest time that a shard stood still for its copy, ms. */
      readonly blockedMs: number;
    }
  /** "There will be nothing of this snapshot." */
  | {
      readonly type: "saving_failed";
      readonly run: string;
      readonly node: string;
      readonly snapshot: string;
      /** A shard was further already when it was asked: its version; null: it is something else. */
      readonly passed: number | null;
      readonly error: SerializedError;
    }
  | { readonly type: "members_updated"; readonly run: string; readonly node: string; readonly revision: number }
  | {
      readonly type: "shards_described";
      readonly run: string;
      readonly node: string;
      readonly shards: readonly ShardSummary[];
    }
  | { readonly type: "run_released"; readonly run: string; readonly node: string };

const members: z.ZodType<RunMembers> = z.strictObject({
  revision: countSchema,
  workers: z.array(z.strictObject({ member: countSchema, incarnation: countSchema, name: nameSchema })).max(4096),
  slotOwners: z.array(countSchema).max(65_536),
  fallBack: z.boolean().optional(),
});

const opaque = z.record(z.string(), z.unknown());
const replyTo = refSchema<ServerReply>();

const holder: z.ZodType<SeatHolder> = z.strictObject({
  member: countSchema,
  incarnation: countSchema,
  node: nameSchema,
  endpoint: z.string().min(1).max(255),
});

const seat: z.ZodType<ShardSeat> = z.strictObject({
  shard: countSchema,
  term: countSchema,
  primary: holder,
  replicas: z.array(holder).max(7),
  learners: z.array(holder).max(7),
});

export const serverCommandSchema: z.ZodType<ServerCommand> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("host_shards"),
    run: nameSchema,
    term: countSchema,
    life: z.strictObject({ member: countSchema, incarnation: countSchema }).optional(),
    shards: z
      .array(
        z.strictObject({
          shard: countSchema,
          begin: countSchema,
          end: positiveSchema,
          seat: seat.optional(),
          updates: updatesSchema,
          encoding: encodingLayoutSchema.optional(),
        }),
      )
      .min(1)
      .max(4096),
    treatments: treatmentsSchema,
    optimizer: opaque,
    schedule: opaque,
    consistency: consistencySchema,
    aggregation: aggregationSchema,
    encoding: encodingSettingsSchema.optional(),
    staleness: opaque,
    slots: positiveSchema,
    predictedWaiting: z.boolean().optional(),
    backup: countSchema.optional(),
    keepFormer: z.boolean().optional(),
    acknowledge: z.enum(["memory", "replicated"]).optional(),
    snapshot: nameSchema.optional(),
    members,
    replyTo,
  }),
  z.strictObject({ type: z.literal("seat_shards"), run: nameSchema, seats: z.array(seat).min(1).max(4096), replyTo }),
  z.strictObject({
    type: z.literal("save_shards"),
    run: nameSchema,
    snapshot: nameSchema,
    version: countSchema.nullable(),
    shards: z.array(countSchema).min(1).max(4096),
    replyTo,
  }),
  z.strictObject({ type: z.literal("update_run_members"), run: nameSchema, members, replyTo }),
  z.strictObject({ type: z.literal("describe_shards"), run: nameSchema, replyTo }),
  z.strictObject({ type: z.literal("release_run"), run: nameSchema, replyTo }),
]);

const figure = z.number().min(0);

const summary: z.ZodType<ShardSummary> = z.strictObject({
  shard: countSchema,
  version: countSchema,
  initialized: z.boolean(),
  batchesApplied: countSchema,
  duplicates: countSchema,
  rejected: countSchema,
  bytesMoved: bytesSchema,
  stalenessMean: figure,
  stalenessMax: figure,
  stalenessP95: figure,
  gradientNorm: figure.nullable(),
  updateRatio: figure.nullable(),
  bound: countSchema.nullable(),
  seat: z
    .strictObject({
      term: countSchema,
      role: z.enum(["primary", "replica", "learner"]),
      index: countSchema,
      caughtUp: z.array(countSchema).max(7),
      received: bytesSchema.optional(),
    })
    .optional(),
  waits: z
    .array(
      z.strictObject({
        waiter: z.string().max(128),
        waitingFor: z.array(z.string().max(256)).max(64),
        reason: z.string().max(256),
        forMs: z.number().min(0),
      }),
    )
    .max(64),
});

const from = { run: nameSchema, node: nameSchema };
const seatTerms = z.array(z.strictObject({ shard: countSchema, term: countSchema })).max(4096);

/** Of one reply: they fit a message together with as many intervals as it may have. */
export const maximumSavedShards = 256;
/** Numbers of intervals in one reply. */
export const maximumSavedIntervals = 16_384;

export const serverReplySchema: z.ZodType<ServerReply> = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("shards_seated"),
    ...from,
    seats: seatTerms,
    missing: z.array(countSchema).max(4096).exactOptional(),
  }),
  z.strictObject({
    type: z.literal("learner_caught_up"),
    ...from,
    shard: countSchema,
    term: countSchema,
    member: countSchema,
  }),
  z.strictObject({
    type: z.literal("shards_hosted"),
    ...from,
    term: countSchema,
    seats: seatTerms.optional(),
  }),
  z.strictObject({ type: z.literal("hosting_failed"), run: nameSchema, node: nameSchema, error: errorSchema }),
  z.strictObject({
    type: z.literal("shards_saved"),
    ...from,
    snapshot: nameSchema,
    shards: z.array(savedShardSchema).max(maximumSavedShards),
    done: intervalsSchema,
    blockedMs: figure,
  }),
  z.strictObject({
    type: z.literal("saving_failed"),
    ...from,
    snapshot: nameSchema,
    passed: countSchema.nullable(),
    error: errorSchema,
  }),
  z.strictObject({ type: z.literal("members_updated"), run: nameSchema, node: nameSchema, revision: countSchema }),
  z.strictObject({
    type: z.literal("shards_described"),
    ...from,
    shards: z.array(summary).max(4096),
  }),
  z.strictObject({ type: z.literal("run_released"), run: nameSchema, node: nameSchema }),
]);
