/** Matrix products on row-major matrices: the face and what the products module exports. */
import type { Offset } from "../kernels.ts";
import type { Activation, ActivationKernels } from "./activations.ts";

export interface MatrixKernels {
  /** C[m×n] = A[m×k]·B[k×n], or += with `accumulate`. Overwrites C. */
  matmul(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
  /** C[m×n] = A[m×k]·Bᵀ with B[n×k]. */
  matmulTransposeB(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
  /** C[m×n] = Aᵀ·B with A[k×m], B[k×n]: the weight gradient of a dense layer. */
  matmulTransposeA(a: Offset, b: Offset, c: Offset, m: number, k: number, n: number, accumulate: boolean): void;
  /**
   * y[rows×outputs] = activation(x[rows×inputs]·weightᵀ + bias[outputs]) with weight[outputs×inputs]: the forward pass
   * of a dense layer. `bias` 0: none. Overwrites y.
   */
  dense(
    x: Offset,
    weight: Offset,
    bias: Offset,
    y: Offset,
    rows: number,
    inputs: number,
    outputs: number,
    activation: Activation,
  ): void;
}

/** Numbers of the forms; `assembly/panels.ts` has the same. */
export const along = 0;
const across = 1;

export interface MatrixExports {
  /** Steps are bytes from one row of memory to the next. */
  product(
    formA: number,
    a: Offset,
    stepA: number,
    formB: number,
    b: Offset,
    stepB: number,
    c: Offset,
    stepC: number,
    m: number,
    k: number,
    n: number,
    accumulate: number,
    bias: Offset,
    relu: number,
  ): void;
}

/** Bias and relu are part of the product. Any other activation is one pass over the result: its cost is its arithmetic. */
export function matrixKernels(
  raw: MatrixExports,
  activations: Pick<ActivationKernels, "addBiasActivate" | "activate">,
): MatrixKernels {
  return {
    matmul: (a, b, c, m, k, n, accumulate) =>
      raw.product(along, a, k * 4, across, b, n * 4, c, n * 4, m, k, n, accumulate ? 1 : 0, 0, 0),
    matmulTransposeA: (a, b, c, m, k, n, accumulate) =>
      raw.product(across, a, m * 4, across, b, n * 4, c, n * 4, m, k, n, accumulate ? 1 : 0, 0, 0),
    matmulTransposeB: (a, b, c, m, k, n, accumulate) =>
      raw.product(along, a, k * 4, along, b, k * 4, c, n * 4, m, k, n, accumulate ? 1 : 0, 0, 0),
    dense(x, weight, bias, y, rows, inputs, outputs, activation) {
      const fused = activation === "identity" || activation === "relu";
      const relu = activation === "relu" ? 1 : 0;
      const rowBytes = inputs * 4;
      const stepY = outputs * 4;
      const fusedBias = fused ? bias : 0;
      raw.product(along, x, rowBytes, along, weight, rowBytes, y, stepY, rows, inputs, outputs, 0, fusedBias, relu);
      if (fused) return;
      if (bias === 0) activations.activate(y, y, rows * outputs, activation);
      else activations.addBiasActivate(y, bias, rows, outputs, activation);
    },
  };
}
