/**
 * Adagrad.
 *
 *   g ← g + weightDecay·w
 *   a ← a + g²
 *   w ← w − learningRate·g / (√a + ε)
 *
 * Source  Duchi, Hazan and Singer, JMLR 2011 (diagonal form).
 */
import { z } from "zod";
import { nonNegative } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

export interface AdagradSpec {
  readonly name: "adagrad";
  /** Default 0.01. */
  readonly learningRate?: number | undefined;
  /** a before the first step. Default 0. */
  readonly initialAccumulator?: number | undefined;
  /** ε, default 1e-10. */
  readonly epsilon?: number | undefined;
  /** L2 penalty. Default 0. */
  readonly weightDecay?: number | undefined;
}

export type ResolvedAdagrad = { readonly [K in keyof AdagradSpec]-?: NonNullable<AdagradSpec[K]> };

export const adagradSchema: z.ZodType<ResolvedAdagrad> = z.strictObject({
  name: z.literal("adagrad"),
  learningRate: nonNegative(0.01),
  initialAccumulator: nonNegative(0),
  epsilon: nonNegative(1e-10),
  weightDecay: nonNegative(0),
});

export function createAdagrad(spec: ResolvedAdagrad): UpdateRule {
  const { epsilon, weightDecay, initialAccumulator } = spec;
  return {
    slotNames: ["accumulator"],
    initialSlotValue: initialAccumulator,
    apply(kernels, slots, { values, gradient, count, learningRate }) {
      kernels.adagrad(values, gradient, slotAt(slots, 0), count, learningRate, epsilon, weightDecay);
    },
  };
}
