/**
 * LARS: gradient descent with momentum whose rate is scaled, layer by layer, to the norm of the layer's values.
 *
 *   λ = trust · ‖w‖ / (‖g‖ + weightDecay·‖w‖)
 *   u ← momentum·u + learningRate·λ·(g + weightDecay·w)
 *   w ← w − u
 *
 * λ is 1 where ‖w‖ or ‖g‖ is 0: a bias that begins at zero would never leave it.
 *
 * Source  You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks", 2017, algorithm 1 (there η for
 *         trust and β for weightDecay). As there, and unlike `sgd`, the learning rate is within the velocity.
 */
import { z } from "zod";
import { nonNegative, share } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

export interface LarsSpec {
  readonly name: "lars";
  /** Default 0.1. */
  readonly learningRate?: number | undefined;
  /** Default 0.9. */
  readonly momentum?: number | undefined;
  /** L2 penalty. Default 0.0005. */
  readonly weightDecay?: number | undefined;
  /** Share of its norm that a layer moves by at learning rate 1. Default 0.001. */
  readonly trust?: number | undefined;
}

export type ResolvedLars = { readonly [K in keyof LarsSpec]-?: NonNullable<LarsSpec[K]> };

export const larsSchema: z.ZodType<ResolvedLars> = z.strictObject({
  name: z.literal("lars"),
  learningRate: nonNegative(0.1),
  momentum: share.default(0.9),
  weightDecay: nonNegative(0.0005),
  trust: nonNegative(0.001),
});

export function createLars({ momentum, weightDecay, trust }: ResolvedLars): UpdateRule {
  return {
    slotNames: ["velocity"],
    initialSlotValue: 0,
    apply(kernels, slots, { values, gradient, count, learningRate }) {
      kernels.lars(values, gradient, slotAt(slots, 0), count, learningRate, momentum, weightDecay, trust);
    },
  };
}
