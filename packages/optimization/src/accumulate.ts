/**
 * Plain accumulation, the rule of a key-value store and not of a learner.
 *
 *   w ← w + scale·g
 *
 * Scale 1 is the sum that ps-lite's default server keeps (Li et al., OSDI 2014), scale 2 the rule of MXNet's tests. The
 * learning rate has no part in it.
 */
import { z } from "zod";
import type { UpdateRule } from "./update-rule.ts";

export interface AccumulateSpec {
  readonly name: "accumulate";
  /** Default 1. */
  readonly scale?: number | undefined;
}

export type ResolvedAccumulate = { readonly [K in keyof AccumulateSpec]-?: NonNullable<AccumulateSpec[K]> };

export const accumulateSchema: z.ZodType<ResolvedAccumulate> = z.strictObject({
  name: z.literal("accumulate"),
  scale: z.number().default(1),
});

export function createAccumulate(spec: ResolvedAccumulate): UpdateRule {
  return {
    slotNames: [],
    initialSlotValue: 0,
    apply(kernels, _slots, { values, gradient, count }) {
      kernels.axpy(gradient, values, count, spec.scale);
    },
  };
}
