/**
 * Adam, its AMSGrad variant, and AdamW.
 *
 *   Adam: g ← g + weightDecay·w        AdamW: w ← (1 − learningRate·weightDecay)·w
 *   m ← β₁·m + (1 − β₁)·g
 *   v ← β₂·v + (1 − β₂)·g²             AMSGrad: v̂ ← max(v̂, v), else v̂ = v
 *   w ← w − learningRate/(1 − β₁^t) · m / (√v̂/√(1 − β₂^t) + ε)
 *
 * Sources  Kingma and Ba, ICLR 2015; Reddi et al., ICLR 2018 (AMSGrad, here as in PyTorch on the uncorrected v);
 *          Loshchilov and Hutter, ICLR 2019 (AdamW).
 */
import { z } from "zod";
import { nonNegative, share } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

interface AdamOptions {
  /** Default 0.001. */
  readonly learningRate?: number | undefined;
  /** [β₁, β₂], default [0.9, 0.999]. */
  readonly betas?: readonly [number, number] | undefined;
  /** ε, default 1e-8. */
  readonly epsilon?: number | undefined;
  /** Default false. */
  readonly amsgrad?: boolean | undefined;
}

export interface AdamSpec extends AdamOptions {
  readonly name: "adam";
  /** L2 penalty. Default 0. */
  readonly weightDecay?: number | undefined;
}

export interface AdamWSpec extends AdamOptions {
  readonly name: "adamw";
  /** Decoupled decay. Default 0.01. */
  readonly weightDecay?: number | undefined;
}

export type ResolvedAdam = { readonly [K in keyof AdamSpec]-?: NonNullable<AdamSpec[K]> };
export type ResolvedAdamW = { readonly [K in keyof AdamWSpec]-?: NonNullable<AdamWSpec[K]> };

const options = {
  learningRate: nonNegative(0.001),
  betas: z.tuple([share, share]).default([0.9, 0.999]),
  epsilon: nonNegative(1e-8),
  amsgrad: z.boolean().default(false),
};

export const adamSchema: z.ZodType<ResolvedAdam> = z.strictObject({
  name: z.literal("adam"),
  ...options,
  weightDecay: nonNegative(0),
});

export const adamWSchema: z.ZodType<ResolvedAdamW> = z.strictObject({
  name: z.literal("adamw"),
  ...options,
  weightDecay: nonNegative(0.01),
});

export function createAdam(spec: ResolvedAdam | ResolvedAdamW): UpdateRule {
  const { epsilon, weightDecay, amsgrad } = spec;
  const [beta1, beta2] = spec.betas;
  const decoupled = spec.name === "adamw";
  return {
    slotNames: amsgrad ? ["first", "second", "maximum"] : ["first", "second"],
    initialSlotValue: 0,
    apply(kernels, slots, { values, gradient, count, step, learningRate }) {
      kernels.adam(
        values,
        gradient,
        slotAt(slots, 0),
        slotAt(slots, 1),
        slotAt(slots, 2),
        count,
        step,
        learningRate,
        beta1,
        beta2,
        epsilon,
        weightDecay,
        decoupled,
      );
    },
  };
}
