/**
 * FedAvgM: momentum on the server, along the mean update Δ of a round, which a shard sees as the gradient −Δ.
 *
 *   u ← momentum·u + Δ
 *   w ← w + learningRate·u
 *
 * It is `sgd` with momentum and without dampening, under the name and with the defaults that it has in federated learning.
 * With momentum 0 and learning rate 1 it is federated averaging. As in Flower; the paper writes the same.
 * Source  Hsu, Qi, Brown, "Measuring the effects of non-identical data distribution", 2019.
 */
import { z } from "zod";
import { nonNegative, share } from "./option-schemas.ts";
import { createSgd } from "./sgd.ts";
import type { UpdateRule } from "./update-rule.ts";

export interface FedAvgMSpec {
  readonly name: "fedavgm";
  /** Of the server. Default 1. */
  readonly learningRate?: number | undefined;
  /** Default 0.9. */
  readonly momentum?: number | undefined;
}

export type ResolvedFedAvgM = { readonly [K in keyof FedAvgMSpec]-?: NonNullable<FedAvgMSpec[K]> };

export const fedAvgMSchema: z.ZodType<ResolvedFedAvgM> = z.strictObject({
  name: z.literal("fedavgm"),
  learningRate: nonNegative(1),
  momentum: share.default(0.9),
});

export function createFedAvgM({ learningRate, momentum }: ResolvedFedAvgM): UpdateRule {
  return createSgd({ name: "sgd", learningRate, momentum, dampening: 0, weightDecay: 0, nesterov: false });
}
