/**
 * Optimiser updates that take the norms of a whole layer: one call for each parameter tensor. A layer may not be split,
 * its norms are reductions (K2); formulas in `optimization/src/lamb.ts` and `lars.ts`.
 */
import type { Offset } from "../kernels.ts";
import { biasCorrection, leastFirstMoment, leastSecondMoment } from "./adam-corrections.ts";
import type { ReductionExports } from "./reductions.ts";

export interface LayerwiseOptimizerKernels {
  /** `step` counts from 1. Two passes and a norm. Flushes denormal moments. */
  lamb(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    count: number,
    step: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
  ): void;
  /** Two norms and a pass. */
  lars(
    w: Offset,
    g: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    momentum: number,
    weightDecay: number,
    trust: number,
  ): void;
}

export interface LayerwiseOptimizerExports extends Pick<ReductionExports, "squaredNorm"> {
  lambMoments(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    count: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    unbias: number,
    correction: number,
    epsilon: number,
    weightDecay: number,
    leastFirst: number,
    leastSecond: number,
  ): number;
  lambStep(
    w: Offset,
    first: Offset,
    second: Offset,
    count: number,
    unbias: number,
    correction: number,
    epsilon: number,
    weightDecay: number,
    rate: number,
  ): void;
  lars(
    w: Offset,
    g: Offset,
    velocity: Offset,
    count: number,
    rate: number,
    momentum: number,
    weightDecay: number,
  ): void;
}

export function layerwiseOptimizerKernels(raw: LayerwiseOptimizerExports): LayerwiseOptimizerKernels {
  return {
    lamb(w, g, first, second, count, step, rate, beta1, beta2, epsilon, decay) {
      const unbias = 1 / biasCorrection(beta1, step);
      const correction = 1 / Math.sqrt(biasCorrection(beta2, step));
      const rest1 = 1 - beta1;
      const rest2 = 1 - beta2;
      const least1 = leastFirstMoment;
      const least2 = leastSecondMoment;
      const direction = Math.sqrt(
        raw.lambMoments(
          w,
          g,
          first,
          second,
          count,
          beta1,
          rest1,
          beta2,
          rest2,
          unbias,
          correction,
          epsilon,
          decay,
          least1,
          least2,
        ),
      );
      const norm = Math.sqrt(raw.squaredNorm(w, count));
      const trust = norm > 0 && direction > 0 ? norm / direction : 1;
      raw.lambStep(w, first, second, count, unbias, correction, epsilon, decay, rate * trust);
    },
    lars(w, g, velocity, count, rate, momentum, decay, trust) {
      const norm = Math.sqrt(raw.squaredNorm(w, count));
      const gradient = Math.sqrt(raw.squaredNorm(g, count));
      const local = norm > 0 && gradient > 0 ? (trust * norm) / (gradient + decay * norm) : 1;
      raw.lars(w, g, velocity, count, rate * local, momentum, decay);
    },
  };
}
