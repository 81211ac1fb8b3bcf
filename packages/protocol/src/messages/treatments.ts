/**
 * How the keys of a shard are updated: a short table of treatments for the run, and for each shard its ranges. Small on
 * the wire (about 8 bytes a range), because a control message holds 256 KiB.
 */
import { z } from "zod";
import { countSchema, positiveSchema } from "./schema.ts";

/** What an update does to a range of values. */
export type UpdateTreatment =
  /** The optimiser's step; weightDecay null: its own. */
  | { readonly kind: "optimizer"; readonly weightDecay: number | null; readonly learningRateScale: number }
  | { readonly kind: "frozen" }
  /** w ← w − rate · mean gradient, whatever the optimiser: running statistics. */
  | { readonly kind: "statistic"; readonly rate: number };

/** What the ends of an encoding must agree on beside its name: the matrices of a shard, and what is never encoded. */
export interface ShardEncodingLayout {
  /** Whole rows of parameters, [offset, rows, columns], counted from the shard's first key; for encodings that ask. */
  readonly matrices: readonly (readonly [offset: number, rows: number, columns: number])[];
  /** Ranges that are sent as float32 whatever the encoding: running statistics. */
  readonly plain: readonly (readonly [begin: number, end: number])[];
}

/** A range begins where the one before it ends, the first at the shard's first key; `end` counts from there. */
export type RangeTreatment = readonly [end: number, treatment: number];

/** Ranges of one message: 72 KiB at most. */
export const maximumUpdateRanges = 8192;
/** Entries of the table: groups, and the rates of statistics. */
export const maximumTreatments = 1024;

const scale = z.number().min(0);

export const treatmentsSchema: z.ZodType<readonly UpdateTreatment[]> = z
  .array(
    z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("optimizer"), weightDecay: scale.nullable(), learningRateScale: scale }),
      z.strictObject({ kind: z.literal("frozen") }),
      z.strictObject({ kind: z.literal("statistic"), rate: scale }),
    ]),
  )
  .min(1)
  .max(maximumTreatments);

export const encodingLayoutSchema: z.ZodType<ShardEncodingLayout> = z.strictObject({
  matrices: z.array(z.tuple([countSchema, positiveSchema, positiveSchema])).max(maximumUpdateRanges),
  plain: z.array(z.tuple([countSchema, positiveSchema])).max(maximumUpdateRanges),
});

export const updatesSchema: z.ZodType<readonly RangeTreatment[]> = z
  .array(z.tuple([positiveSchema, countSchema]))
  .min(1)
  .max(maximumUpdateRanges);
