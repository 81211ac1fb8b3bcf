/** Puts the face of `kernels.ts` on the exports of a binary: booleans, names and derived options become numbers. */
import { activationCodes } from "./activation-codes.ts";
import type { KernelExports } from "./kernel-exports.ts";
import type { KernelBuild, Kernels } from "./kernels.ts";

/** A call through the face allocates nothing. */
export function faceOf(raw: KernelExports, build: KernelBuild): Kernels {
  return { build, ...productsOf(raw), ...layersOf(raw), ...directOf(raw), ...optimizersOf(raw) };
}

type Products = Pick<Kernels, "matmul" | "matmulTransposeA" | "matmulTransposeB">;

function productsOf(raw: KernelExports): Products {
  return {
    matmul: (a, b, c, m, k, n, accumulate) => raw.matmul(a, b, c, m, k, n, accumulate ? 1 : 0),
    matmulTransposeA: (a, b, c, m, k, n, accumulate) => raw.matmulTransposeA(a, b, c, m, k, n, accumulate ? 1 : 0),
    matmulTransposeB: (a, b, c, m, k, n, accumulate) => raw.matmulTransposeB(a, b, c, m, k, n, accumulate ? 1 : 0),
  };
}

type Layers = Pick<Kernels, "addBiasActivate" | "activate" | "activateGradient" | "allFinite">;

function layersOf(raw: KernelExports): Layers {
  return {
    addBiasActivate: (y, bias, rows, columns, activation) =>
      raw.addBiasActivate(y, bias, rows, columns, activationCodes[activation]),
    activate: (x, y, count, activation) => raw.activate(x, y, count, activationCodes[activation]),
    activateGradient: (y, dy, dx, count, activation) =>
      raw.activateGradient(y, dy, dx, count, activationCodes[activation]),
    allFinite: (x, count) => raw.allFinite(x, count) !== 0,
  };
}

type Direct = Omit<Kernels, "build" | keyof Products | keyof Layers | keyof Optimizers>;

function directOf(raw: KernelExports): Direct {
  return {
    sumRows: raw.sumRows,
    softmaxCrossEntropy: raw.softmaxCrossEntropy,
    distillation: raw.distillation,
    binaryCrossEntropy: raw.binaryCrossEntropy,
    meanSquaredError: raw.meanSquaredError,
    huber: raw.huber,
    softmax: raw.softmax,
    argmaxRows: raw.argmaxRows,
    fill: raw.fill,
    copy: raw.copy,
    scale: raw.scale,
    axpy: raw.axpy,
    scaleInto: raw.scaleInto,
    bytesToFloats: raw.bytesToFloats,
    sum: raw.sum,
    dot: raw.dot,
    squaredNorm: raw.squaredNorm,
    maxAbs: raw.maxAbs,
    sgd: raw.sgd,
    adagrad: raw.adagrad,
  };
}

type Optimizers = Pick<Kernels, "sgdMomentum" | "adam" | "rmsprop" | "adadelta">;

/**
 * WebAssembly cannot flush denormal numbers to zero, and arithmetic on them is many times slower. A first moment below
 * 2^-100 moves no parameter (its step is below 1e-22 learning rates at ε = 1e-8) but would decay through the denormals
 * for hundreds of steps, taking the products with the learning rate along; a second moment is flushed where it would
 * become denormal itself. The same in every build.
 */
const leastFirstMoment = 2 ** -100;
const leastSecondMoment = 2 ** -126;

/** 1 − β is taken in float64 here, before either is rounded to float32, as PyTorch does. */
function optimizersOf(raw: KernelExports): Optimizers {
  return {
    sgdMomentum: (w, g, velocity, count, rate, momentum, dampening, decay, nesterov, first) =>
      raw.sgdMomentum(w, g, velocity, count, rate, momentum, 1 - dampening, decay, nesterov ? 1 : 0, first ? 1 : 0),
    adam(w, g, first, second, maxSecond, count, step, rate, beta1, beta2, epsilon, decay, decoupled) {
      const stepSize = rate / (1 - integerPower(beta1, step));
      const correction = 1 / Math.sqrt(1 - integerPower(beta2, step));
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
  };
}

/** base^exponent by squaring. Math.pow may differ between engines in the last bit, and updates must not (K1). */
function integerPower(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
