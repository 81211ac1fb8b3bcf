/** When a shard applies a push and answers a pull: one setting with three values. */
import { z } from "zod";

export interface AdaptiveBound {
  /** The bound grows no further: what stale synchronous parallel promises holds with this number. */
  readonly maximum: number;
  /** Share of the workers' time that they may wait at the bound (0…1) before it is raised by one. */
  readonly waiting: number;
}

export type Consistency =
  /** Each step waits for the contributions of all slots and applies their mean (or sum) once. */
  | { readonly mode: "synchronous" }
  /** Stale synchronous parallel: a worker may start clock c only if c − slowest live clock ≤ staleness. */
  | {
      readonly mode: "bounded";
      readonly staleness: number;
      /** Lets each shard raise its bound above `staleness` while workers wait too long, and lower it again. */
      readonly adaptive?: AdaptiveBound | undefined;
      /** The first steps of the run are synchronous; default none. Costs the shards the vector of a sum. */
      readonly warmUpSteps?: number | undefined;
    }
  /** Every push is applied as it comes, every pull answered at once. */
  | {
      readonly mode: "asynchronous";
      readonly warmUpSteps?: number | undefined;
      /**
       * A shard applies the mean of so many pushes, each weighted by its staleness, at once (n-softsync: Zhang 2016;
       * FedBuff: Nguyen 2022); default 1. A push is acknowledged when it is in the sum. What is in the sum at the end of
       * a run, fewer pushes than this, is not applied. Costs the shards one vector.
       */
      readonly buffer?: number | undefined;
    };

const count = z.int().min(0).max(1_000_000);

const adaptiveBoundSchema: z.ZodType<AdaptiveBound> = z.strictObject({
  maximum: count,
  waiting: z.number().gt(0).lt(1).default(0.1),
});

export const consistencySchema: z.ZodType<Consistency> = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("synchronous") }),
  z.strictObject({
    mode: z.literal("bounded"),
    staleness: count,
    adaptive: adaptiveBoundSchema.optional(),
    warmUpSteps: count.optional(),
  }),
  z.strictObject({
    mode: z.literal("asynchronous"),
    warmUpSteps: count.optional(),
    buffer: z.int().min(1).max(4096).optional(),
  }),
]);

/** Steps at the beginning of a run that are synchronous; all of them in synchronous mode. */
export function synchronousSteps(consistency: Consistency): number {
  return consistency.mode === "synchronous" ? Number.POSITIVE_INFINITY : (consistency.warmUpSteps ?? 0);
}

/**
 * How the contributions of one synchronous step become one gradient: mean weighted by sample count, plain sum, or
 * Adasum (Maleki et al. 2021), layer by layer: the sum of what is orthogonal, the mean of what is parallel.
 */
export type Aggregation = "mean" | "sum" | "adasum";

export const aggregationSchema: z.ZodType<Aggregation> = z.enum(["mean", "sum", "adasum"]);
