/**
 * How a vector is written as bytes, as data. All encodings but float32 lose something; what they lose is kept by their
 * sender and added to what it says next (error feedback), so that it is late and not lost.
 */
import * as z from "zod/mini";
import { checkSpec } from "../check-spec.ts";

/** What every lossy encoding has. */
interface Lossy {
  /**
   * Whether the error of one push is added to the next. Default true; costs a vector a sender. Without it two_bit, top_k
   * and random_k do not converge in general, and one_bit can diverge (Karimireddy et al. 2019, section 3).
   */
  readonly errorFeedback?: boolean | undefined;
}

export type EncodingSpec =
  /** 4 bytes an element, exact. */
  | { readonly name: "float32" }
  /** The upper half of each float32: 2 bytes, 8 bits of precision, the full range. */
  | ({ readonly name: "bfloat16" } & Lossy)
  /** IEEE 754 binary16: 2 bytes, 11 bits of precision, magnitudes from 6e-8 to 65504. */
  | ({ readonly name: "float16" } & Lossy)
  /** Blocks of 256 with a scale: 1.02 bytes an element. */
  | ({ readonly name: "int8" } & Lossy)
  /** Blocks of 64 with a scale: 0.56 bytes an element. */
  | ({ readonly name: "int4" } & Lossy)
  /**
   * The sign, with the mean magnitude of its block of 1,024: 1/8 byte an element. Not MXNet's 1-bit, which compares with
   * a threshold but decodes ±1 whatever that is: an element that stays on one side of it sends ±1 for ever, and its
   * unsent error grows with every push unless gradients happen to be of magnitude 1.
   */
  | ({ readonly name: "one_bit" } & Lossy)
  /**
   * +threshold, 0 or −threshold (MXNet's rule): 1/4 byte an element. Default threshold 0.5. A push says at most the
   * threshold of an element, so it belongs above ordinary gradients: of greater ones the unsent error piles up, comes long
   * after they have turned, and descent overshoots.
   */
  | ({ readonly name: "two_bit"; readonly threshold?: number | undefined } & Lossy)
  /** The share of greatest magnitude, each with its index: 8 bytes an element sent. Default share 0.01. */
  | ({ readonly name: "top_k"; readonly share?: number | undefined } & Lossy)
  /** A share drawn at random, its indices follow from a seed: 4 bytes an element sent. Default share 0.01, seed 0. */
  | ({ readonly name: "random_k"; readonly share?: number | undefined; readonly seed?: number | undefined } & Lossy)
  /** Each matrix [n×m] as the product of [n×rank] and [rank×m]; all else as float32. Default rank 2. */
  | ({ readonly name: "power_sgd"; readonly rank?: number | undefined } & Lossy)
  /** One of the others, chosen by measured bandwidth. */
  | { readonly name: "auto" };

type Filled<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };
/** The same with every option present; itself a valid {@link EncodingSpec}. */
export type ResolvedEncodingSpec = EncodingSpec extends infer S ? (S extends unknown ? Filled<S> : never) : never;
/** An encoding that can be put to work: `auto` must have been decided. */
export type ConcreteEncodingSpec = Exclude<ResolvedEncodingSpec, { readonly name: "auto" }>;

/** Greatest rank of power_sgd: its columns are made orthogonal one by one. */
const greatestRank = 32;

const flag = z.boolean({ error: "expected true or false" });
const between = (least: number, most: number): z.ZodMiniNumber => {
  const error = `expected a number from ${least} to ${most}`;
  return z.number({ error }).check(z.minimum(least, { error }), z.maximum(most, { error }));
};
const integerTo = (least: number, most: number): z.ZodMiniNumber => {
  const error = `expected an integer from ${least} to ${most}`;
  return z.int({ error }).check(z.minimum(least, { error }), z.maximum(most, { error }));
};
const shareWords = "expected a number above 0, to 1";

const errorFeedback = z._default(flag, true);
const share = z._default(
  z.number({ error: shareWords }).check(z.gt(0, { error: shareWords }), z.maximum(1, { error: shareWords })),
  0.01,
);

const schemas = {
  float32: z.strictObject({ name: z.literal("float32") }),
  bfloat16: z.strictObject({ name: z.literal("bfloat16"), errorFeedback }),
  float16: z.strictObject({ name: z.literal("float16"), errorFeedback }),
  int8: z.strictObject({ name: z.literal("int8"), errorFeedback }),
  int4: z.strictObject({ name: z.literal("int4"), errorFeedback }),
  one_bit: z.strictObject({ name: z.literal("one_bit"), errorFeedback }),
  two_bit: z.strictObject({
    name: z.literal("two_bit"),
    // Its float32 is what is sent: it must not be rounded to zero or infinity.
    threshold: z._default(between(2 ** -100, 2 ** 100), 0.5),
    errorFeedback,
  }),
  top_k: z.strictObject({ name: z.literal("top_k"), share, errorFeedback }),
  random_k: z.strictObject({
    name: z.literal("random_k"),
    share,
    seed: z._default(integerTo(0, 0xffff_ffff), 0),
    errorFeedback,
  }),
  power_sgd: z.strictObject({
    name: z.literal("power_sgd"),
    rank: z._default(integerTo(1, greatestRank), 2),
    errorFeedback,
  }),
  auto: z.strictObject({ name: z.literal("auto") }),
};

/**
 * Checks an encoding from outside and fills in its defaults.
 * @param value - borrowed
 * @param field - what messages call it; default "encoding"
 * @throws ShoalError invalid_argument - names the field
 */
export function parseEncodingSpec(value: unknown, field = "encoding"): ResolvedEncodingSpec {
  return checkSpec<ResolvedEncodingSpec>(field, schemas, value);
}
