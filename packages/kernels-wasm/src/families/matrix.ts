/** Matrix products on row-major matrices: the face and what the products module exports. */
import type { Offset } from "../kernels.ts";

export interface MatrixKernels {
  /** C[m×n] = A[m×k]·B[k×n], or += with `accumulate`. Overwrites C. */
  matmul(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
  /** C[m×n] = A[m×k]·Bᵀ with B[n×k]: the forward pass of a dense layer whose weight is [outputs, inputs]. */
  matmulTransposeB(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
  /** C[m×n] = Aᵀ·B with A[k×m], B[k×n]: the weight gradient of a dense layer. */
  matmulTransposeA(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
}

type Product = (a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: number) => void;

export interface MatrixExports {
  readonly matmul: Product;
  readonly matmulTransposeA: Product;
  readonly matmulTransposeB: Product;
}

export function matrixKernels(raw: MatrixExports): MatrixKernels {
  return {
    matmul: (a, b, c, m, k, n, accumulate) => raw.matmul(a, b, c, m, k, n, accumulate ? 1 : 0),
    matmulTransposeA: (a, b, c, m, k, n, accumulate) => raw.matmulTransposeA(a, b, c, m, k, n, accumulate ? 1 : 0),
    matmulTransposeB: (a, b, c, m, k, n, accumulate) => raw.matmulTransposeB(a, b, c, m, k, n, accumulate ? 1 : 0),
  };
}
