/** Element-wise activations, bias, and the sum over rows that a bias gradient is. */
import { activationCodes } from "../activation-codes.ts";
import type { Offset } from "../kernels.ts";

/** Element-wise activation functions that a dense layer can fuse. */
export type Activation = "identity" | "relu" | "tanh" | "sigmoid" | "gelu";

export interface ActivationKernels {
  /** y[rows×columns] = activation(y + bias[columns]), in place. */
  addBiasActivate(y: Offset, bias: Offset, rows: number, columns: number, activation: Activation): void;
  /** y = activation(x), element-wise; x and y may be the same. */
  activate(x: Offset, y: Offset, count: number, activation: Activation): void;
  /**
   * dx = dy ⊙ activation'(…), element-wise; dy and dx may be the same. `y` is the activation's output; for `gelu` it is
   * its input, because gelu's derivative is not a function of its output.
   */
  activateGradient(y: Offset, dy: Offset, dx: Offset, count: number, activation: Activation): void;
  /** out[columns] = Σ over rows of x[rows×columns]: the bias gradient. */
  sumRows(x: Offset, out: Offset, rows: number, columns: number): void;
}

/** Activations go by their code. */
export interface ActivationExports extends Pick<ActivationKernels, "sumRows"> {
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
    sumRows: raw.sumRows,
  };
}
