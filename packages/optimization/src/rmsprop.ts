/**
 * RMSprop.
 *
 *   g ← g + weightDecay·w
 *   q ← α·q + (1 − α)·g²
 *   centred: h ← α·h + (1 − α)·g and s = √(q − h²) + ε, else s = √q + ε
 *   with momentum: u ← momentum·u + g/s and w ← w − learningRate·u, else w ← w − learningRate·g/s
 *
 * Sources  Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012; Graves 2013 (centred).
 */
import { z } from "zod";
import { nonNegative, share } from "./option-schemas.ts";
import type { UpdateRule } from "./update-rule.ts";

export interface RmspropSpec {
  readonly name: "rmsprop";
  /** Default 0.01. */
  readonly learningRate?: number | undefined;
  /** α, default 0.99. */
  readonly alpha?: number | undefined;
  /** ε, default 1e-8. */
  readonly epsilon?: number | undefined;
  /** Default 0: no velocity is kept. */
  readonly momentum?: number | undefined;
  /** Default false. */
  readonly centered?: boolean | undefined;
  /** L2 penalty. Default 0. */
  readonly weightDecay?: number | undefined;
}

export type ResolvedRmsprop = { readonly [K in keyof RmspropSpec]-?: NonNullable<RmspropSpec[K]> };

export const rmspropSchema: z.ZodType<ResolvedRmsprop> = z.strictObject({
  name: z.literal("rmsprop"),
  learningRate: nonNegative(0.01),
  alpha: share.default(0.99),
  epsilon: nonNegative(1e-8),
  momentum: nonNegative(0),
  centered: z.boolean().default(false),
  weightDecay: nonNegative(0),
});

export function createRmsprop(spec: ResolvedRmsprop): UpdateRule {
  const { alpha, epsilon, momentum, centered, weightDecay } = spec;
  const slotNames = ["square", ...(centered ? ["mean"] : []), ...(momentum === 0 ? [] : ["velocity"])];
  return {
    slotNames,
    initialSlotValue: 0,
    apply(kernels, slots, { values, gradient, count, learningRate }) {
      const [square = 0, second = 0, third = 0] = slots;
      const mean = centered ? second : 0;
      const velocity = momentum === 0 ? 0 : centered ? third : second;
      kernels.rmsprop(
        values,
        gradient,
        square,
        mean,
        velocity,
        count,
        learningRate,
        alpha,
        epsilon,
        momentum,
        weightDecay,
      );
    },
  };
}
