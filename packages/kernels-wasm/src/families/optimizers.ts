/**
 * Optimiser updates (K1): one pass over values w, gradient g and slots; formulas and options as in PyTorch.
 */
import type { Offset } from "../kernels.ts";
import { biasCorrection, leastFirstMoment, leastSecondMoment } from "./adam-corrections.ts";

/** How the second moment of a server optimiser goes on. */
export type ServerRule = "adagrad" | "adam" | "yogi";

const serverRules: readonly ServerRule[] = ["adagrad", "adam", "yogi"];

export interface OptimizerKernels {
  /** weightDecay is L2 (added to g); g is not modified. `first`: the momentum buffer is set to g instead of decayed. */
  sgd(w: Offset, g: Offset, count: number, learningRate: number, weightDecay: number): void;
  sgdMomentum(
    w: Offset,
    g: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    momentum: number,
    dampening: number,
    weightDecay: number,
    nesterov: boolean,
    first: boolean,
  ): void;
  /** Adam and AdamW (`decoupled`); `maxSecond` 0 means no AMSGrad. `step` counts from 1. Flushes denormal moments. */
  adam(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    maxSecond: Offset,
    count: number,
    step: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    decoupled: boolean,
  ): void;
  adagrad(
    w: Offset,
    g: Offset,
    accumulator: Offset,
    count: number,
    learningRate: number,
    epsilon: number,
    weightDecay: number,
  ): void;
  /** `mean` 0: not centred; `velocity` 0: no momentum. */
  rmsprop(
    w: Offset,
    g: Offset,
    square: Offset,
    mean: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    alpha: number,
    epsilon: number,
    momentum: number,
    weightDecay: number,
  ): void;
  adadelta(
    w: Offset,
    g: Offset,
    square: Offset,
    delta: Offset,
    count: number,
    learningRate: number,
    rho: number,
    epsilon: number,
    weightDecay: number,
  ): void;
  /** FTRL-proximal; where n is 0, z is not read but set to where w is its minimiser. learningRate must not be 0. */
  ftrl(
    w: Offset,
    g: Offset,
    z: Offset,
    n: Offset,
    count: number,
    learningRate: number,
    beta: number,
    l1: number,
    l2: number,
  ): void;
  /** FedAdagrad, FedAdam and FedYogi: no bias correction, no weight decay. Flushes denormal moments. */
  serverStep(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    count: number,
    rule: ServerRule,
    learningRate: number,
    beta1: number,
    beta2: number,
    tau: number,
  ): void;
}

/** What is derived from an option (1 − β) is handed in. */
export interface OptimizerExports extends Pick<OptimizerKernels, "sgd" | "adagrad"> {
  sgdMomentum(
    w: Offset,
    g: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    momentum: number,
    undamped: number,
    weightDecay: number,
    nesterov: number,
    first: number,
  ): void;
  adam(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    maximum: Offset,
    count: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    stepSize: number,
    correction: number,
    epsilon: number,
    shrink: number,
    decay: number,
    leastFirst: number,
    leastSecond: number,
  ): void;
  rmsprop(
    w: Offset,
    g: Offset,
    square: Offset,
    mean: Offset,
    velocity: Offset,
    count: number,
    learningRate: number,
    alpha: number,
    rest: number,
    epsilon: number,
    momentum: number,
    weightDecay: number,
  ): void;
  adadelta(
    w: Offset,
    g: Offset,
    square: Offset,
    delta: Offset,
    count: number,
    learningRate: number,
    rho: number,
    rest: number,
    epsilon: number,
    weightDecay: number,
  ): void;
  ftrl(
    w: Offset,
    g: Offset,
    z: Offset,
    n: Offset,
    count: number,
    inverse: number,
    beta: number,
    l1: number,
    l2: number,
  ): void;
  serverStep(
    w: Offset,
    g: Offset,
    first: Offset,
    second: Offset,
    count: number,
    rule: number,
    learningRate: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    tau: number,
    leastFirst: number,
    leastSecond: number,
  ): void;
}

/** 1 − β is taken in float64 here, before either is rounded to float32, as PyTorch does. */
export function optimizerKernels(raw: OptimizerExports): OptimizerKernels {
  return {
    sgd: raw.sgd,
    adagrad: raw.adagrad,
    sgdMomentum: (w, g, velocity, count, rate, momentum, dampening, decay, nesterov, first) =>
      raw.sgdMomentum(w, g, velocity, count, rate, momentum, 1 - dampening, decay, nesterov ? 1 : 0, first ? 1 : 0),
    adam(w, g, first, second, maxSecond, count, step, rate, beta1, beta2, epsilon, decay, decoupled) {
      const stepSize = rate / biasCorrection(beta1, step);
      const correction = 1 / Math.sqrt(biasCorrection(beta2, step));
      const shrink = decoupled ? 1 - rate * decay : 1;
      const l2 = decoupled ? 0 : decay;
      const rest1 = 1 - beta1;
      const rest2 = 1 - beta2;
      raw.adam(
        w,
        g,
        first,
        second,
        maxSecond,
        count,
        beta1,
        rest1,
        beta2,
        rest2,
        stepSize,
        correction,
        epsilon,
        shrink,
        l2,
        leastFirstMoment,
        leastSecondMoment,
      );
    },
    rmsprop: (w, g, square, mean, velocity, count, rate, alpha, epsilon, momentum, decay) =>
      raw.rmsprop(w, g, square, mean, velocity, count, rate, alpha, 1 - alpha, epsilon, momentum, decay),
    adadelta: (w, g, square, delta, count, rate, rho, epsilon, decay) =>
      raw.adadelta(w, g, square, delta, count, rate, rho, 1 - rho, epsilon, decay),
    ftrl: (w, g, z, n, count, rate, beta, l1, l2) => raw.ftrl(w, g, z, n, count, 1 / rate, beta, l1, l2),
    serverStep(w, g, first, second, count, rule, rate, beta1, beta2, tau) {
      const [rest1, rest2] = [1 - beta1, 1 - beta2];
      const least = [leastFirstMoment, leastSecondMoment] as const;
      raw.serverStep(
        w,
        g,
        first,
        second,
        count,
        serverRules.indexOf(rule),
        rate,
        beta1,
        rest1,
        beta2,
        rest2,
        tau,
        ...least,
      );
    },
  };
}
