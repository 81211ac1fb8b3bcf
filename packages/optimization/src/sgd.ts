/**
 * Stochastic gradient descent.
 *
 *   g ← g + weightDecay·w
 *   u ← momentum·u + (1 − dampening)·g      (first step: u ← g)
 *   w ← w − learningRate·(u, or with Nesterov g + momentum·u)
 *
 * Sources  Robbins and Monro 1951; Polyak 1964 (momentum); Sutskever et al., ICML 2013 (Nesterov's form). As in PyTorch
 *          the learning rate stands outside of the velocity, and dampening does not touch the first step.
 */
import { z } from "zod";
import { nonNegative } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

export interface SgdSpec {
  readonly name: "sgd";
  /** Default 0.001. */
  readonly learningRate?: number | undefined;
  /** Default 0: no velocity is kept. */
  readonly momentum?: number | undefined;
  /** Default 0. */
  readonly dampening?: number | undefined;
  /** L2 penalty. Default 0. */
  readonly weightDecay?: number | undefined;
  /** Default false. */
  readonly nesterov?: boolean | undefined;
}

export type ResolvedSgd = { readonly [K in keyof SgdSpec]-?: NonNullable<SgdSpec[K]> };

export const sgdSchema: z.ZodType<ResolvedSgd> = z
  .strictObject({
    name: z.literal("sgd"),
    learningRate: nonNegative(0.001),
    momentum: nonNegative(0),
    dampening: z.number().default(0),
    weightDecay: nonNegative(0),
    nesterov: z.boolean().default(false),
  })
  .refine((spec) => !spec.nesterov || (spec.momentum > 0 && spec.dampening === 0), {
    path: ["nesterov"],
    message: "expected false, or a momentum above 0 with dampening 0: Nesterov's step looks ahead along the velocity",
  });

export function createSgd(spec: ResolvedSgd): UpdateRule {
  const { momentum, dampening, weightDecay, nesterov } = spec;
  return {
    slotNames: momentum === 0 ? [] : ["velocity"],
    initialSlotValue: 0,
    apply(kernels, slots, { values, gradient, count, step, learningRate }) {
      if (momentum === 0) {
        kernels.sgd(values, gradient, count, learningRate, weightDecay);
        return;
      }
      const u = slotAt(slots, 0);
      const first = step === 1;
      kernels.sgdMomentum(values, gradient, u, count, learningRate, momentum, dampening, weightDecay, nesterov, first);
    },
  };
}
