/** When a shard applies a push and answers a pull: one setting with three values. */
import { z } from "zod";

export type Consistency =
  /** Each step waits for the contributions of all slots and applies their mean (or sum) once. */
  | { readonly mode: "synchronous" }
  /** Stale synchronous parallel: a worker may start clock c only if c − slowest live clock ≤ staleness. */
  | { readonly mode: "bounded"; readonly staleness: number }
  /** Every push is applied as it comes, every pull answered at once. */
  | { readonly mode: "asynchronous" };

export const consistencySchema: z.ZodType<Consistency> = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("synchronous") }),
  z.strictObject({ mode: z.literal("bounded"), staleness: z.int().min(0).max(1_000_000) }),
  z.strictObject({ mode: z.literal("asynchronous") }),
]);

/** How the contributions of one synchronous step become one gradient: mean weighted by sample count, or plain sum. */
export type Aggregation = "mean" | "sum";

export const aggregationSchema: z.ZodType<Aggregation> = z.enum(["mean", "sum"]);
