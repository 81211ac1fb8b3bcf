/** Element-wise kernels on vectors (K1). */
import type { Offset } from "../kernels.ts";

export interface VectorKernels {
  fill(x: Offset, count: number, value: number): void;
  /** y = x (memory.copy). */
  copy(x: Offset, y: Offset, count: number): void;
  /** x = scale · x. */
  scale(x: Offset, count: number, scale: number): void;
  /** y = y + scale · x, rounded after the product and after the sum (K1). */
  axpy(x: Offset, y: Offset, count: number, scale: number): void;
  /** y = scale · x. */
  scaleInto(x: Offset, y: Offset, count: number, scale: number): void;
  /** x = max(−limit, min(limit, x)); NaN stays. */
  clamp(x: Offset, count: number, limit: number): void;
  /**
   * out = Σ of `vectors` vectors, added one after the other in the order of the list (K1).
   * @param list - [vectors] int32 byte offsets of the vectors
   * @param out - overwritten; may be the first of the vectors, not another
   */
  sumVectors(list: Offset, vectors: number, out: Offset, count: number): void;
  /** out[count] = scale · (x − shift) for bytes x: pixels to inputs. */
  bytesToFloats(x: Offset, out: Offset, count: number, scale: number, shift: number): void;
}

export type VectorExports = Pick<VectorKernels, keyof VectorKernels>;

export function vectorKernels(raw: VectorExports): VectorKernels {
  return {
    fill: raw.fill,
    copy: raw.copy,
    scale: raw.scale,
    axpy: raw.axpy,
    scaleInto: raw.scaleInto,
    clamp: raw.clamp,
    sumVectors: raw.sumVectors,
    bytesToFloats: raw.bytesToFloats,
  };
}
