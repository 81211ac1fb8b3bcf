/**
 * LAMB: Adam whose step is scaled, layer by layer, to the norm of the layer's values.
 *
 *   m ← β₁·m + (1 − β₁)·g               m̂ = m / (1 − β₁^t)
 *   v ← β₂·v + (1 − β₂)·g²              v̂ = v / (1 − β₂^t)
 *   u = m̂ / (√v̂ + ε) + weightDecay·w
 *   w ← w − learningRate · ‖w‖/‖u‖ · u
 *
 * The ratio of the norms is 1 where one of them is 0. The paper's scaling function φ is the identity.
 *
 * Source  You et al., "Large Batch Optimization for Deep Learning", ICLR 2020, algorithm 2.
 */
import { z } from "zod";
import { nonNegative, share } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

export interface LambSpec {
  readonly name: "lamb";
  /** Default 0.001. */
  readonly learningRate?: number | undefined;
  /** [β₁, β₂], default [0.9, 0.999]. */
  readonly betas?: readonly [number, number] | undefined;
  /** ε, default 1e-6. */
  readonly epsilon?: number | undefined;
  /** Decoupled from the moments, within the norm. Default 0.01. */
  readonly weightDecay?: number | undefined;
}

export type ResolvedLamb = { readonly [K in keyof LambSpec]-?: NonNullable<LambSpec[K]> };

export const lambSchema: z.ZodType<ResolvedLamb> = z.strictObject({
  name: z.literal("lamb"),
  learningRate: nonNegative(0.001),
  betas: z.tuple([share, share]).default([0.9, 0.999]),
  epsilon: nonNegative(1e-6),
  weightDecay: nonNegative(0.01),
});

export function createLamb(spec: ResolvedLamb): UpdateRule {
  const { epsilon, weightDecay } = spec;
  const [beta1, beta2] = spec.betas;
  return {
    slotNames: ["first", "second"],
    initialSlotValue: 0,
    apply(kernels, slots, { values, gradient, count, step, learningRate }) {
      const [first, second] = [slotAt(slots, 0), slotAt(slots, 1)];
      const options = [beta1, beta2, epsilon, weightDecay] as const;
      kernels.lamb(values, gradient, first, second, count, step, learningRate, ...options);
    },
  };
}
