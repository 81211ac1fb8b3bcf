/** Layer norm and RMS norm along the rows of x[rows×columns]; statistics in float32, in two passes. */
import type { Offset } from "../kernels.ts";

export interface NormalizationKernels {
  /**
   * y = (x − μ)·r ⊙ weight + bias, with r = 1/√(variance + epsilon). Overwrites means[rows] (μ) and inverses[rows] (r),
   * which the gradient needs. y may equal x where the gradient is not wanted.
   */
  layerNorm(
    x: Offset,
    weight: Offset,
    bias: Offset,
    y: Offset,
    means: Offset,
    inverses: Offset,
    rows: number,
    columns: number,
    epsilon: number,
  ): void;
  /**
   * Overwrites dx (may equal dy), dWeight[columns] and dBias[columns]. `dx` 0: not wanted; `dWeight` 0: neither that nor
   * dBias is.
   */
  layerNormGradient(
    x: Offset,
    weight: Offset,
    means: Offset,
    inverses: Offset,
    dy: Offset,
    dx: Offset,
    dWeight: Offset,
    dBias: Offset,
    rows: number,
    columns: number,
  ): void;
  /** y = x·r ⊙ weight, with r = 1/√(mean of x² + epsilon). Overwrites inverses[rows] (r). */
  rmsNorm(x: Offset, weight: Offset, y: Offset, inverses: Offset, rows: number, columns: number, epsilon: number): void;
  /** Overwrites dx (may equal dy) and dWeight[columns]; each is 0 where it is not wanted. */
  rmsNormGradient(
    x: Offset,
    weight: Offset,
    inverses: Offset,
    dy: Offset,
    dx: Offset,
    dWeight: Offset,
    rows: number,
    columns: number,
  ): void;
}

/** RMS norm is layer norm without means and biases: their offsets are 0. */
export interface NormalizationExports {
  readonly normalize: NormalizationKernels["layerNorm"];
  readonly normalizeGradient: NormalizationKernels["layerNormGradient"];
}

export function normalizationKernels({ normalize, normalizeGradient }: NormalizationExports): NormalizationKernels {
  return {
    layerNorm: normalize,
    layerNormGradient: (x, weight, means, inverses, dy, dx, dWeight, dBias, rows, columns) =>
      normalizeGradient(x, weight, means, inverses, dy, dx, dWeight, dWeight === 0 ? 0 : dBias, rows, columns),
    rmsNorm: (x, weight, y, inverses, rows, columns, epsilon) =>
      normalize(x, weight, 0, y, 0, inverses, rows, columns, epsilon),
    rmsNormGradient: (x, weight, inverses, dy, dx, dWeight, rows, columns) =>
      normalizeGradient(x, weight, 0, inverses, dy, dx, dWeight, 0, rows, columns),
  };
}
