/**
 * Server optimisers of federated learning: adaptive steps along the mean update Δ of a round, which a shard sees as the
 * gradient −Δ.
 *
 *   m ← β₁·m + (1 − β₁)·Δ                            m₀ = 0
 *   fedadagrad  v ← v + Δ²
 *   fedadam     v ← β₂·v + (1 − β₂)·Δ²
 *   fedyogi     v ← v − (1 − β₂)·Δ²·sign(v − Δ²)
 *   w ← w + learningRate·m/(√v + τ)
 *
 * This is algorithm 2 of the paper: no bias correction, and v begins at `initialAccumulator`, τ² by default. Other systems
 * implement other variants under these names: Flower's FedAdam corrects its rate for bias and begins at 0, its FedYogi does
 * not correct; TensorFlow Federated takes Keras-like optimisers with bias correction (Adam, Yogi), v beginning at 0.1
 * (Adagrad) or 1e-6 (Yogi), and ε = 1e-7. fedadagrad has β₁ = 0 by default, as in the paper's experiments; it then keeps no
 * m and is `adagrad` with another start.
 *
 * Source  Reddi et al., "Adaptive federated optimization", ICLR 2021.
 */
import { z } from "zod";
import { nonNegative, share } from "./option-schemas.ts";
import { slotAt, type UpdateRule } from "./update-rule.ts";

interface ServerOptions {
  /** η of the server. Default 0.1. */
  readonly learningRate?: number | undefined;
  /** τ: how adaptive; greater is closer to plain averaging. Default 0.001. */
  readonly tau?: number | undefined;
  /** v before the first round. Default τ². */
  readonly initialAccumulator?: number | undefined;
}

export interface FedAdagradSpec extends ServerOptions {
  readonly name: "fedadagrad";
  /** β₁, default 0. */
  readonly beta1?: number | undefined;
}

interface MomentsOptions extends ServerOptions {
  /** [β₁, β₂], default [0.9, 0.99]. */
  readonly betas?: readonly [number, number] | undefined;
}

export interface FedAdamSpec extends MomentsOptions {
  readonly name: "fedadam";
}

export interface FedYogiSpec extends MomentsOptions {
  readonly name: "fedyogi";
}

export type ResolvedFedAdagrad = { readonly [K in keyof FedAdagradSpec]-?: NonNullable<FedAdagradSpec[K]> };
export type ResolvedFedAdam = { readonly [K in keyof FedAdamSpec]-?: NonNullable<FedAdamSpec[K]> };
export type ResolvedFedYogi = { readonly [K in keyof FedYogiSpec]-?: NonNullable<FedYogiSpec[K]> };

const options = {
  learningRate: nonNegative(0.1),
  tau: nonNegative(0.001),
  initialAccumulator: z.number().min(0).optional(),
};
const betas = z.tuple([share, share]).default([0.9, 0.99]);

/** v begins at τ² where nothing else is said. */
function withStart<T extends { readonly tau: number; readonly initialAccumulator?: number | undefined }>(
  spec: T,
): T & { readonly initialAccumulator: number } {
  return { ...spec, initialAccumulator: spec.initialAccumulator ?? spec.tau * spec.tau };
}

export const fedAdagradSchema: z.ZodType<ResolvedFedAdagrad> = z
  .strictObject({ name: z.literal("fedadagrad"), ...options, beta1: share.default(0) })
  .transform(withStart);

export const fedAdamSchema: z.ZodType<ResolvedFedAdam> = z
  .strictObject({ name: z.literal("fedadam"), ...options, betas })
  .transform(withStart);

export const fedYogiSchema: z.ZodType<ResolvedFedYogi> = z
  .strictObject({ name: z.literal("fedyogi"), ...options, betas })
  .transform(withStart);

export function createFedAdagrad({ beta1, tau, initialAccumulator }: ResolvedFedAdagrad): UpdateRule {
  if (beta1 === 0) {
    return {
      slotNames: ["second"],
      initialSlotValue: initialAccumulator,
      apply(kernels, slots, { values, gradient, count, learningRate }) {
        kernels.adagrad(values, gradient, slotAt(slots, 0), count, learningRate, tau, 0);
      },
    };
  }
  return createMoments("adagrad", [beta1, 0], tau, initialAccumulator);
}

export function createFedAdam({ betas: shares, tau, initialAccumulator }: ResolvedFedAdam): UpdateRule {
  return createMoments("adam", shares, tau, initialAccumulator);
}

export function createFedYogi({ betas: shares, tau, initialAccumulator }: ResolvedFedYogi): UpdateRule {
  return createMoments("yogi", shares, tau, initialAccumulator);
}

function createMoments(
  rule: "adagrad" | "adam" | "yogi",
  [beta1, beta2]: readonly [number, number],
  tau: number,
  initialAccumulator: number,
): UpdateRule {
  return {
    slotNames: ["first", "second"],
    initialSlotValue: [0, initialAccumulator],
    apply(kernels, slots, { values, gradient, count, learningRate }) {
      const [first, second] = [slotAt(slots, 0), slotAt(slots, 1)];
      kernels.serverStep(values, gradient, first, second, count, rule, learningRate, beta1, beta2, tau);
    },
  };
}
