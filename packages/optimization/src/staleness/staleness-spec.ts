/**
 * What a shard does about stale gradients, as data: how much a stale push counts, whether its delay is compensated, and
 * from which staleness on it is sent back. The three are independent of each other and of the optimiser.
 */
import { ShoalError } from "@shoal/errors";
import { z } from "zod";
import { checkSpec } from "../check-spec.ts";
import { nonNegative, share } from "../option-schemas.ts";

/** The factor on the learning rate of a push that is τ versions old; see `staleness-weight.ts`. */
export type StalenessWeight =
  | { readonly name: "none" }
  /** 1/max(1, τ). */
  | { readonly name: "inverse" }
  /** (τ + 1)^−exponent; default exponent 0.5. */
  | { readonly name: "polynomial"; readonly exponent?: number | undefined }
  /** 1 up to `offset`, then 1/(slope·(τ − offset) + 1); default slope 10, offset 4. */
  | { readonly name: "hinge"; readonly slope?: number | undefined; readonly offset?: number | undefined }
  /** The same for every push, whatever its staleness. Default 1. */
  | { readonly name: "constant"; readonly weight?: number | undefined };

/** How the gradient of old values becomes one of the present values; see `delay-compensation.ts`. */
export type DelayCompensation =
  | { readonly name: "none" }
  /** λ constant: DC-ASGD-c. Default λ 0.04. */
  | { readonly name: "constant"; readonly lambda?: number | undefined }
  /**
   * λ/√(mean of g² + ε): DC-ASGD-a. Default λ 2, decay 0.95, ε 1e-7. The paper writes one mean square; its authors' code
   * keeps one for each worker, which is the default.
   */
  | {
      readonly name: "adaptive";
      readonly lambda?: number | undefined;
      readonly decay?: number | undefined;
      readonly epsilon?: number | undefined;
      readonly meanSquare?: "worker" | "shared" | undefined;
    };

export interface StalenessSpec {
  /** Default inverse: asynchronous training without it fails from some ten workers on. */
  readonly weight?: StalenessWeight | undefined;
  /** Default none: it costs one vector a worker. */
  readonly compensation?: DelayCompensation | undefined;
  /** A push that is older is sent back: its worker pulls and computes the batch again. null (default): none is. */
  readonly bound?: number | null | undefined;
}

type Filled<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };
export type ResolvedStalenessWeight = StalenessWeight extends infer W ? (W extends unknown ? Filled<W> : never) : never;
export type ResolvedDelayCompensation = DelayCompensation extends infer C
  ? C extends unknown
    ? Filled<C>
    : never
  : never;

export interface ResolvedStalenessSpec {
  readonly weight: ResolvedStalenessWeight;
  readonly compensation: ResolvedDelayCompensation;
  readonly bound: number | null;
}

const none = z.strictObject({ name: z.literal("none") });

const weights = {
  none,
  inverse: z.strictObject({ name: z.literal("inverse") }),
  polynomial: z.strictObject({ name: z.literal("polynomial"), exponent: z.number().min(0).max(1).default(0.5) }),
  hinge: z.strictObject({ name: z.literal("hinge"), slope: nonNegative(10), offset: nonNegative(4) }),
  constant: z.strictObject({ name: z.literal("constant"), weight: nonNegative(1) }),
};

const compensations = {
  none,
  constant: z.strictObject({ name: z.literal("constant"), lambda: nonNegative(0.04) }),
  adaptive: z.strictObject({
    name: z.literal("adaptive"),
    lambda: nonNegative(2),
    decay: share.default(0.95),
    epsilon: z.number().positive().default(1e-7),
    meanSquare: z.enum(["worker", "shared"]).default("worker"),
  }),
};

/** Most versions that a bound may allow. */
const greatestBound = 1_000_000;

/** The rule with its parts still unchecked. */
interface Envelope {
  readonly name: "staleness";
  readonly weight?: unknown;
  readonly compensation?: unknown;
  readonly bound: number | null;
}

const envelope: z.ZodType<Envelope> = z.strictObject({
  name: z.literal("staleness"),
  weight: z.unknown().optional(),
  compensation: z.unknown().optional(),
  bound: z.int().min(0).max(greatestBound).nullable().default(null),
});

/**
 * Checks a staleness rule from outside and fills in its defaults.
 * @param value - borrowed; an empty object is the default rule
 * @throws ShoalError invalid_argument - names the field
 */
export function parseStalenessSpec(value: unknown): ResolvedStalenessSpec {
  const given = typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  if (given !== undefined && Object.hasOwn(given, "name")) {
    const sentence = "staleness.name: no such option; a rule is named as weight: { name }";
    throw new ShoalError("invalid_argument", sentence, { field: "staleness.name" });
  }
  const { weight, compensation, bound } = checkSpec<Envelope>(
    "staleness",
    { staleness: envelope },
    given === undefined ? value : { ...given, name: "staleness" },
  );
  return {
    weight: checkSpec<ResolvedStalenessWeight>("staleness.weight", weights, weight ?? { name: "inverse" }),
    compensation: checkSpec<ResolvedDelayCompensation>(
      "staleness.compensation",
      compensations,
      compensation ?? { name: "none" },
    ),
    bound,
  };
}
