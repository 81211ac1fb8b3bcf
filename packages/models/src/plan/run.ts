/** One batch through a laid-out plan: forward, gradient, evaluation. */
import { ShoalError } from "@shoal/errors";
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import { judgementOf, type LossFunction } from "./losses.ts";
import { runBackward, runForward, type PlacedStage } from "./passes.ts";
import type { Evaluation, PlanOutputs } from "./plan.ts";
import type { PlanViews } from "./plan-views.ts";
import type { LossSpec } from "../spec/model-spec.ts";

/** Everything that a step needs, decided at compilation. Offsets are absolute. */
export interface PlanFrame {
  readonly kernels: Kernels;
  readonly loss: LossSpec;
  readonly lossOf: LossFunction;
  readonly placed: readonly PlacedStage[];
  readonly batchSize: number;
  /** Elements of the parameter vector. */
  readonly parameterCount: number;
  readonly outputs: PlanOutputs;
  /** Labels or targets. */
  readonly answers: Offset;
  readonly gradients: readonly [Offset, Offset];
  readonly predicted: Offset;
  readonly expected: Offset;
  readonly views: () => PlanViews;
}

export function forward(frame: PlanFrame, parameters: Offset, rows: number): PlanOutputs {
  checkRows(frame, rows);
  for (const placed of frame.placed) runForward(frame.kernels, placed, parameters, rows);
  return frame.outputs;
}

export function gradientOf(frame: PlanFrame, parameters: Offset, gradient: Offset, rows: number): number {
  checkRows(frame, rows);
  if (rows === 0) {
    frame.kernels.fill(gradient, frame.parameterCount, 0);
    return 0;
  }
  checkLabels(frame, rows);
  forward(frame, parameters, rows);
  const first = frame.gradients[0];
  const second = frame.gradients[1];
  const loss = frame.lossOf(frame.outputs.offset, frame.answers, first, rows);
  let upstream = first;
  for (let index = frame.placed.length - 1; index >= 0; index -= 1) {
    const placed = frame.placed[index];
    if (placed === undefined) break;
    const spare = upstream === first ? second : first;
    upstream = runBackward(frame.kernels, placed, parameters, gradient, rows, upstream, spare);
  }
  return loss;
}

export function evaluate(frame: PlanFrame, parameters: Offset, rows: number): Evaluation {
  checkRows(frame, rows);
  if (rows === 0) return { lossSum: 0, correct: 0 };
  checkLabels(frame, rows);
  forward(frame, parameters, rows);
  const lossSum = frame.lossOf(frame.outputs.offset, frame.answers, frame.gradients[0], rows) * rows;
  return { lossSum, correct: countCorrect(frame, rows) };
}

function checkRows(frame: PlanFrame, rows: number): void {
  if (!Number.isSafeInteger(rows) || rows < 0 || rows > frame.batchSize) {
    throw new RangeError(`rows must be an integer from 0 to ${frame.batchSize}, got ${rows}`);
  }
}

/** Kernels trust their arguments: a label beyond the outputs would read memory of others. */
function checkLabels(frame: PlanFrame, rows: number): void {
  const { labels } = frame.views();
  const classes = frame.outputs.columns;
  for (let row = 0; row < rows && labels.length > 0; row += 1) {
    const label = labels[row] ?? -1;
    if (label < 0 || label >= classes) {
      throw new ShoalError("invalid_argument", `label ${label} of row ${row} is not in [0, ${classes})`, {
        row,
        label,
      });
    }
  }
}

function countCorrect(frame: PlanFrame, rows: number): number {
  const { kernels, outputs, predicted, expected, answers } = frame;
  const views = frame.views();
  switch (judgementOf(frame.loss, outputs.columns)) {
    case "none":
      return 0;
    case "label":
      kernels.argmaxRows(outputs.offset, predicted, rows, outputs.columns);
      return countEqual(views.predicted, views.labels, rows);
    case "greatest":
      kernels.argmaxRows(outputs.offset, predicted, rows, outputs.columns);
      kernels.argmaxRows(answers, expected, rows, outputs.columns);
      return countEqual(views.predicted, views.expected, rows);
    case "sign":
      return countSameSide(views.outputs, views.targets, rows);
  }
}

function countEqual(left: Int32Array, right: Int32Array, rows: number): number {
  let equal = 0;
  for (let row = 0; row < rows; row += 1) if (left[row] === right[row]) equal += 1;
  return equal;
}

/** A positive logit stands for a target above one half. */
function countSameSide(logits: Float32Array, targets: Float32Array, rows: number): number {
  let equal = 0;
  for (let row = 0; row < rows; row += 1) if ((logits[row] ?? 0) > 0 === (targets[row] ?? 0) > 0.5) equal += 1;
  return equal;
}
