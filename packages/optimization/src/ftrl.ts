/**
 * FTRL-proximal: gradient descent with a rate for each coordinate, and an L1 penalty that makes exact zeros.
 *
 *   n' = n + g²
 *   σ  = (√n' − √n) / α
 *   z ← z + g − σ·w ;  n ← n'
 *   w  = 0 where |z| ≤ l1, else −(z − sign(z)·l1) / ((beta + √n) / α + l2)
 *
 * α is the learning rate of the step. The paper begins with z = 0, which stands for w = 0. Values may begin elsewhere
 * here (the factors of a factorisation machine must not be zero): a coordinate keeps its value until its first gradient,
 * when z is set to where w solves the last line, z = −(beta/α + l2)·w − sign(w)·l1, which is 0 for w = 0. A step with
 * α = 0 changes nothing.
 *
 * Source  McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013, algorithm 1.
 */
import { z } from "zod";
import { nonNegative } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

export interface FtrlSpec {
  readonly name: "ftrl";
  /** α, default 0.1. */
  readonly learningRate?: number | undefined;
  /** Keeps the first steps small. Default 1. */
  readonly beta?: number | undefined;
  /** Default 0. */
  readonly l1?: number | undefined;
  /**
   * What n begins with. Default 0. Above 0 every coordinate is taken to begin at w = 0, as in the paper: values that begin
   * elsewhere are lost with their first gradient.
   */
  readonly initialAccumulator?: number | undefined;
  /** Default 0. It is what `weightDecay` of a parameter group stands for. */
  readonly l2?: number | undefined;
}

export type ResolvedFtrl = { readonly [K in keyof FtrlSpec]-?: NonNullable<FtrlSpec[K]> };

export const ftrlSchema: z.ZodType<ResolvedFtrl> = z.strictObject({
  name: z.literal("ftrl"),
  learningRate: nonNegative(0.1),
  beta: nonNegative(1),
  l1: nonNegative(0),
  l2: nonNegative(0),
  initialAccumulator: nonNegative(0),
});

export function createFtrl({ beta, l1, l2, initialAccumulator }: ResolvedFtrl): UpdateRule {
  return {
    slotNames: ["linear", "squares"],
    initialSlotValue: [0, initialAccumulator],
    apply(kernels, slots, { values, gradient, count, learningRate }) {
      if (learningRate === 0) return;
      const [linear, squares] = [slotAt(slots, 0), slotAt(slots, 1)];
      kernels.ftrl(values, gradient, linear, squares, count, learningRate, beta, l1, l2);
    },
  };
}
