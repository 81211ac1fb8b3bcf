/** What Adam and LAMB hand to their kernels: bias corrections, and bounds below which a moment is zero. */

/**
 * WebAssembly cannot flush denormal numbers to zero, and arithmetic on them is many times slower. A first moment below
 * 2^-100 moves no parameter (its step is below 1e-22 learning rates at ε = 1e-8) but would decay through the denormals
 * for hundreds of steps, taking the products with the learning rate along; a second moment is flushed where it would
 * become denormal itself. The same in every build.
 */
export const leastFirstMoment: number = 2 ** -100;
export const leastSecondMoment: number = 2 ** -126;

/** 1 − β^step: the share that an average which began at zero has of what it averages. */
export function biasCorrection(beta: number, step: number): number {
  return 1 - integerPower(beta, step);
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
