/** Which kernel computes a loss, and what counts as a right answer under it. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { LossSpec } from "../spec/model-spec.ts";

/** PyTorch's default for `HuberLoss`. */
const defaultDelta = 1;

/** Writes the gradient of the mean loss and returns that mean; `answers` are labels (int32) or targets (float32). */
export type LossFunction = (outputs: Offset, answers: Offset, gradient: Offset, rows: number) => number;

export function lossFunction(kernels: Kernels, loss: LossSpec, columns: number): LossFunction {
  switch (loss.type) {
    case "softmax_cross_entropy": {
      const smoothing = loss.smoothing ?? 0;
      return (outputs, labels, gradient, rows) =>
        kernels.softmaxCrossEntropy(outputs, labels, gradient, rows, columns, smoothing);
    }
    case "binary_cross_entropy":
      return (outputs, targets, gradient, rows) =>
        kernels.binaryCrossEntropy(outputs, targets, gradient, rows * columns);
    case "mean_squared_error":
      return (outputs, targets, gradient, rows) => kernels.meanSquaredError(outputs, targets, gradient, rows * columns);
    case "huber": {
      const delta = loss.delta ?? defaultDelta;
      return (outputs, targets, gradient, rows) => kernels.huber(outputs, targets, gradient, rows * columns, delta);
    }
    case "distillation": {
      const temperature = loss.temperature ?? 1;
      return (outputs, logits, gradient, rows) =>
        kernels.distillation(outputs, logits, gradient, rows, columns, temperature);
    }
  }
}
