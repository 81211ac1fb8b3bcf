/**
 * Draws for partitions: the same on every engine, because all that is made of the uniform numbers is made by IEEE 754
 * operations alone (see `exact-functions.ts`).
 */
import { exactLog } from "./exact-functions.ts";

/** A stream of random numbers; `createRandom(seed)` of the actors package is one. */
export interface DrawSource {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform in 0 … bound − 1. */
  integer(bound: number): number;
}

/** Fisher and Yates: puts `values` into a random order, in place. */
export function shuffle(values: Uint32Array, draws: DrawSource): Uint32Array {
  for (let last = values.length - 1; last > 0; last -= 1) {
    const other = draws.integer(last + 1);
    const value = values[last] ?? 0;
    values[last] = values[other] ?? 0;
    values[other] = value;
  }
  return values;
}

/** 0 … count − 1 in a random order. */
export function shuffledIndices(count: number, draws: DrawSource): Uint32Array {
  return shuffle(
    Uint32Array.from({ length: count }, (_, index) => index),
    draws,
  );
}

/** Uniform in (0, 1]: has a logarithm. */
function positiveUniform(draws: DrawSource): number {
  return 1 - draws.uniform();
}

/** Standard normal, by Marsaglia's polar method. */
function normal(draws: DrawSource): number {
  for (;;) {
    const x = 2 * draws.uniform() - 1;
    const y = 2 * draws.uniform() - 1;
    const square = x * x + y * y;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * exactLog(square)) / square);
  }
}

/**
 * The logarithm of a draw from Gamma(shape, 1). A logarithm, because draws of small shapes are too small for a float64.
 *
 * For shape ≥ 1: d = shape − ⅓, v = (1 + x/√(9d))³ with x normal, taken when log u < x²/2 + d − d·v + d·log v; for
 * shapes below 1 a draw of shape + 1 times u^(1/shape).
 * Source  Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000.
 */
export function logGamma(shape: number, draws: DrawSource): number {
  const boost = shape < 1 ? exactLog(positiveUniform(draws)) / shape : 0;
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(draws);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const logV = exactLog(v);
    if (exactLog(positiveUniform(draws)) < 0.5 * x * x + d - d * v + d * logV) return exactLog(d) + logV + boost;
  }
}
