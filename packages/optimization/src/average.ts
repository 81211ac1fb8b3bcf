/**
 * Mixing of models: what is pushed are the values of a locally trained model, not a gradient.
 *
 *   w ← w + learningRate·(x − w)
 *
 * Source  Xie, Koyejo and Gupta 2019 (FedAsync, arXiv 1903.03934), whose α is the learning rate; with a weight of
 *         staleness the shard's learning rate is α·s(τ), as there. With a learning rate of 1 and the mean of the pushed
 *         models it is federated averaging (McMahan et al., AISTATS 2017).
 */
import { z } from "zod";
import type { UpdateRule } from "./update-rule.ts";

export interface AverageSpec {
  readonly name: "average";
  /** Share of the pushed model in the new values, 0 to 1. Default 1. */
  readonly learningRate?: number | undefined;
}

export type ResolvedAverage = { readonly [K in keyof AverageSpec]-?: NonNullable<AverageSpec[K]> };

export const averageSchema: z.ZodType<ResolvedAverage> = z.strictObject({
  name: z.literal("average"),
  learningRate: z.number().min(0).max(1).default(1),
});

export function createAverage(): UpdateRule {
  return {
    slotNames: [],
    initialSlotValue: 0,
    apply(kernels, _slots, { values, gradient, count, learningRate }) {
      kernels.scale(values, count, 1 - learningRate);
      kernels.axpy(gradient, values, count, learningRate);
    },
  };
}
