/** What stale gradients are treated with (K1). */
import type { Offset } from "../kernels.ts";

export interface StalenessKernels {
  /** out = g + λ·g⊙g⊙(w − backup); out may be g. */
  compensateDelay(g: Offset, w: Offset, backup: Offset, out: Offset, count: number, lambda: number): void;
  /** square = decay·square + (1 − decay)·g²; out = g + λ/√(square + ε)·g⊙g⊙(w − backup); out may be g. */
  compensateDelayAdaptively(
    g: Offset,
    w: Offset,
    backup: Offset,
    square: Offset,
    out: Offset,
    count: number,
    lambda: number,
    decay: number,
    epsilon: number,
  ): void;
}

/** 1 − decay is taken in float64 and handed in. */
export interface StalenessExports extends Pick<StalenessKernels, "compensateDelay"> {
  compensateDelayAdaptively(
    g: Offset,
    w: Offset,
    backup: Offset,
    square: Offset,
    out: Offset,
    count: number,
    lambda: number,
    decay: number,
    rest: number,
    epsilon: number,
  ): void;
}

export function stalenessKernels(raw: StalenessExports): StalenessKernels {
  return {
    compensateDelay: raw.compensateDelay,
    compensateDelayAdaptively: (g, w, backup, square, out, count, lambda, decay, epsilon) =>
      raw.compensateDelayAdaptively(g, w, backup, square, out, count, lambda, decay, 1 - decay, epsilon),
  };
}
