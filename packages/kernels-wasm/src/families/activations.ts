/** Element-wise activations, bias, and the sum over rows that a bias gradient is. */
import { activationCodes } from "../activation-codes.ts";
import type { Offset } from "../kernels.ts";

/**
 * Element-wise activation functions that a dense layer can fuse. `leaky_relu` has the slope 0.01 below 0; `gelu_tanh` is
 * the approximation of gelu by tanh that GPT-2 uses; `silu` is x·σ(x); `softplus` is ln(1 + e^x).
 */
export type Activation =
  "identity" | "relu" | "leaky_relu" | "tanh" | "sigmoid" | "gelu" | "gelu_tanh" | "silu" | "softplus";

export interface ActivationKernels {
  /** y[rows×columns] = activation(y + bias[columns]), in place. */
  addBiasActivate(y: Offset, bias: Offset, rows: number, columns: number, activation: Activation): void;
  /** y = activation(x), element-wise; x and y may be the same. */
  activate(x: Offset, y: Offset, count: number, activation: Activation): void;
  /**
   * dx = dy ⊙ activation'(…), element-wise; dy and dx may be the same. `y` is the activation's output; for `gelu`,
   * `gelu_tanh`, `silu` and `softplus` (see `derivativeReadsInput`) it is its input.
   */
  activateGradient(y: Offset, dy: Offset, dx: Offset, count: number, activation: Activation): void;
  /** y = e^x, element-wise, at most 1 ulp from it for x in [−87.336, 88.3]; 0 below, infinity from 88.4 up. */
  exponentials(x: Offset, y: Offset, count: number): void;
  /** out[columns] = Σ over rows of x[rows×columns]: the bias gradient. */
  sumRows(x: Offset, out: Offset, rows: number, columns: number): void;
}

/** Activations go by their code. */
export interface ActivationExports extends Pick<ActivationKernels, "exponentials" | "sumRows"> {
  addBiasActivate(y: Offset, bias: Offset, rows: number, columns: number, activation: number): void;
  activate(x: Offset, y: Offset, count: number, activation: number): void;
  activateGradient(y: Offset, dy: Offset, dx: Offset, count: number, activation: number): void;
}

export function activationKernels(raw: ActivationExports): ActivationKernels {
  return {
    addBiasActivate: (y, bias, rows, columns, activation) =>
      raw.addBiasActivate(y, bias, rows, columns, activationCodes[activation]),
    activate: (x, y, count, activation) => raw.activate(x, y, count, activationCodes[activation]),
    activateGradient: (y, dy, dx, count, activation) =>
      raw.activateGradient(y, dy, dx, count, activationCodes[activation]),
    exponentials: raw.exponentials,
    sumRows: raw.sumRows,
  };
}
