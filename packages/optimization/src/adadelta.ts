/**
 * Adadelta.
 *
 *   g ← g + weightDecay·w
 *   q ← ρ·q + (1 − ρ)·g²
 *   δ = √(d + ε)/√(q + ε) · g
 *   d ← ρ·d + (1 − ρ)·δ²
 *   w ← w − learningRate·δ
 *
 * Source  Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012 (whose method has learning rate 1).
 */
import { z } from "zod";
import { nonNegative, share } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

export interface AdadeltaSpec {
  readonly name: "adadelta";
  /** Default 1. */
  readonly learningRate?: number | undefined;
  /** ρ, default 0.9. */
  readonly rho?: number | undefined;
  /** ε, default 1e-6. */
  readonly epsilon?: number | undefined;
  /** L2 penalty. Default 0. */
  readonly weightDecay?: number | undefined;
}

export type ResolvedAdadelta = { readonly [K in keyof AdadeltaSpec]-?: NonNullable<AdadeltaSpec[K]> };

export const adadeltaSchema: z.ZodType<ResolvedAdadelta> = z.strictObject({
  name: z.literal("adadelta"),
  learningRate: nonNegative(1),
  rho: share.default(0.9),
  epsilon: nonNegative(1e-6),
  weightDecay: nonNegative(0),
});

export function createAdadelta(spec: ResolvedAdadelta): UpdateRule {
  const { rho, epsilon, weightDecay } = spec;
  return {
    slotNames: ["square", "delta"],
    initialSlotValue: 0,
    apply(kernels, slots, { values, gradient, count, learningRate }) {
      const [square, delta] = [slotAt(slots, 0), slotAt(slots, 1)];
      kernels.adadelta(values, gradient, square, delta, count, learningRate, rho, epsilon, weightDecay);
    },
  };
}
