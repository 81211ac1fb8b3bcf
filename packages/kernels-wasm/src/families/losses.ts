/** Losses: each writes the gradient of the MEAN loss over rows (or elements) and returns the mean loss. */
import type { Offset } from "../kernels.ts";

export interface LossKernels {
  /**
   * Softmax cross-entropy of logits[rows×classes] against int32 labels[rows]; stable for logits of ±200. With
   * `smoothing` ε the target is (1−ε)·onehot + ε/classes (PyTorch's `label_smoothing`). gradient may equal logits.
   */
  softmaxCrossEntropy(
    logits: Offset,
    labels: Offset,
    gradient: Offset,
    rows: number,
    classes: number,
    smoothing: number,
  ): number;
  /** Binary cross-entropy with logits against float32 targets in [0, 1], mean over `count` elements. */
  binaryCrossEntropy(logits: Offset, targets: Offset, gradient: Offset, count: number): number;
  /** Mean squared error over `count` elements. */
  meanSquaredError(predictions: Offset, targets: Offset, gradient: Offset, count: number): number;
  /** Huber loss with threshold `delta`, mean over `count` elements. */
  huber(predictions: Offset, targets: Offset, gradient: Offset, count: number, delta: number): number;
  /**
   * Knowledge distillation: T²·KL(teacher ‖ student) between the softmaxes of both logits[rows×classes] at
   * `temperature` T, summed over classes, mean over rows (PyTorch: `kl_div(…, reduction="batchmean") * T ** 2`).
   * gradient, by the student's logits, may equal logits.
   */
  distillation(
    logits: Offset,
    teacherLogits: Offset,
    gradient: Offset,
    rows: number,
    classes: number,
    temperature: number,
  ): number;
  /** Softmax of x[rows×columns] along rows, into y (may equal x). */
  softmax(x: Offset, y: Offset, rows: number, columns: number): void;
  /** dx = y ⊙ (dy − Σ y ⊙ dy) along rows of y = softmax(x); dx may equal dy. */
  softmaxGradient(y: Offset, dy: Offset, dx: Offset, rows: number, columns: number): void;
  /** Writes the index of each row's greatest element to int32 out[rows]; the first of equals. */
  argmaxRows(x: Offset, out: Offset, rows: number, columns: number): void;
}

export type LossExports = Pick<LossKernels, keyof LossKernels>;

export function lossKernels(raw: LossExports): LossKernels {
  return {
    softmaxCrossEntropy: raw.softmaxCrossEntropy,
    binaryCrossEntropy: raw.binaryCrossEntropy,
    meanSquaredError: raw.meanSquaredError,
    huber: raw.huber,
    distillation: raw.distillation,
    softmax: raw.softmax,
    softmaxGradient: raw.softmaxGradient,
    argmaxRows: raw.argmaxRows,
  };
}
