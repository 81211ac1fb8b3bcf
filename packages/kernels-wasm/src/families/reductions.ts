/** Reductions of vectors to a number (K2). */
import type { Offset } from "../kernels.ts";

export interface ReductionKernels {
  sum(x: Offset, count: number): number;
  dot(x: Offset, y: Offset, count: number): number;
  /** Σ x², accumulated in float64 across blocks so that long gradients do not lose digits. */
  squaredNorm(x: Offset, count: number): number;
  maxAbs(x: Offset, count: number): number;
  /** True when no element is NaN or infinite. */
  allFinite(x: Offset, count: number): boolean;
}

export interface ReductionExports extends Omit<ReductionKernels, "allFinite"> {
  allFinite(x: Offset, count: number): number;
}

export function reductionKernels(raw: ReductionExports): ReductionKernels {
  return {
    sum: raw.sum,
    dot: raw.dot,
    squaredNorm: raw.squaredNorm,
    maxAbs: raw.maxAbs,
    allFinite: (x, count) => raw.allFinite(x, count) !== 0,
  };
}
