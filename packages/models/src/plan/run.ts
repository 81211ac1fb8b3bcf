/** One batch through a laid-out plan: forward, gradient, evaluation. Loops go by index: iterators would be allocated. */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { LossSpec } from "../spec/model-spec.ts";
import { checkInput, checkTarget } from "./check-batch.ts";
import type { RunStage } from "./create-stages.ts";
import type { HalfMoves } from "./half-moves.ts";
import type { LossFunction } from "./losses.ts";
import type { PlanGates, StageKeys } from "./plan-gates.ts";
import type { PlanInput, PlanTarget } from "./plan-inputs.ts";
import type { BackwardCall, Draw } from "./stage.ts";

/** An output with its loss. Offsets are absolute. */
export interface OutputFrame {
  readonly name: string;
  readonly loss: LossSpec;
  readonly weight: number;
  readonly lossOf: LossFunction;
  readonly offset: Offset;
  readonly shape: readonly number[];
  /** Rows of `classes` numbers that one sample has. */
  readonly positions: number;
  readonly classes: number;
  /** Labels or numbers. */
  readonly answers: Offset;
  readonly target: PlanTarget;
  readonly gradient: Offset;
}

/** Elements [begin, begin + length) of the gradient. */
export interface GradientRange {
  readonly begin: number;
  readonly length: number;
}

/** Everything that a step needs, decided at compilation. */
export interface PlanFrame {
  readonly kernels: Kernels;
  readonly batchSize: number;
  /** Elements of the parameter vector. */
  readonly parameterCount: number;
  readonly inputs: readonly PlanInput[];
  readonly stages: readonly RunStage[];
  readonly outputs: readonly OutputFrame[];
  /** What no stage writes. */
  readonly zeroed: readonly GradientRange[];
  /** What comes of the losses: not the statistics, whose differences no loss scale has multiplied. */
  readonly scaled: readonly GradientRange[];
  /** One for each stage; none in float32. */
  readonly halves: readonly HalfMoves[];
  /** One for each stage. */
  readonly keys: readonly StageKeys[];
  /** What stages are told: one object, written anew for each call. */
  readonly call: { -readonly [K in keyof BackwardCall]: BackwardCall[K] };
}

/** What `Plan.gradient` does. @returns the mean loss */
export type GradientStep = (
  frame: PlanFrame,
  parameters: Offset,
  gradient: Offset,
  rows: number,
  draw: Draw,
  gates?: PlanGates,
) => number;

const floatBytes = 4;
/** Stages draw nothing when a model is used. */
const noDraw: Draw = { seed: 0, epoch: 0, first: 0 };

export function forward(frame: PlanFrame, parameters: Offset, rows: number): void {
  checkRows(frame, rows);
  checkInputs(frame, rows);
  prepare(frame, parameters, 0, rows, false, noDraw);
  runForward(frame, undefined);
}

/**
 * The gradient of the mean loss times `scale`; see `Plan.gradient` for the rest.
 * @returns the mean loss itself
 */
export function gradientOf(
  frame: PlanFrame,
  parameters: Offset,
  gradient: Offset,
  rows: number,
  draw: Draw,
  scale: number,
  gates?: PlanGates,
): number {
  const { kernels, zeroed, stages, keys } = frame;
  checkRows(frame, rows);
  if (rows === 0) {
    kernels.fill(gradient, frame.parameterCount, 0);
    return 0;
  }
  checkInputs(frame, rows);
  checkTargets(frame, rows);
  prepare(frame, parameters, gradient, rows, true, draw);
  runForward(frame, gates);
  const loss = lossesOf(frame, rows, scale);
  const told = scale === 1 && Number.isFinite(loss) ? gates : undefined;
  for (let index = 0; index < zeroed.length; index += 1) {
    const range = zeroed[index];
    if (range !== undefined) kernels.fill(gradient + range.begin * floatBytes, range.length, 0);
  }
  for (let index = stages.length - 1; index >= 0; index -= 1) {
    const run = stages[index];
    if (run?.runsBackward !== true) continue;
    runBackward(frame, run, index);
    addGradients(kernels, run, rows);
    told?.final(keys[index]?.final ?? 0);
  }
  return loss;
}

export function evaluate(frame: PlanFrame, parameters: Offset, rows: number): number {
  checkTargets(frame, rows);
  forward(frame, parameters, rows);
  return rows === 0 ? 0 : lossesOf(frame, rows, 1) * rows;
}

function prepare(
  { call }: PlanFrame,
  parameters: Offset,
  gradient: Offset,
  rows: number,
  training: boolean,
  draw: Draw,
): void {
  call.parameters = parameters;
  call.gradient = gradient;
  call.rows = rows;
  call.training = training;
  call.draw = draw;
}

function runForward({ stages, halves, keys, call }: PlanFrame, gates: PlanGates | undefined): void {
  const { parameters } = call;
  for (let index = 0; index < stages.length; index += 1) {
    gates?.need(keys[index]?.needed ?? 0);
    const moves = halves[index];
    call.parameters = moves?.round(parameters) ?? parameters;
    stages[index]?.stage.forward(call);
    moves?.store(call.rows);
  }
  call.parameters = parameters;
}

function runBackward({ halves, call }: PlanFrame, run: RunStage, index: number): void {
  const { parameters } = call;
  const moves = halves[index];
  call.parameters = moves?.round(parameters) ?? parameters;
  moves?.restore(call.rows);
  run.stage.backward(call);
  call.parameters = parameters;
}

/** Writes the gradients of the outputs, times `scale`. @returns the weighted sum of the mean losses */
function lossesOf({ kernels, outputs }: PlanFrame, rows: number, scale: number): number {
  let sum = 0;
  for (let index = 0; index < outputs.length; index += 1) {
    const output = outputs[index];
    if (output === undefined) continue;
    const { lossOf, offset, answers, gradient, positions, classes, weight } = output;
    sum += weight * lossOf(offset, answers, gradient, rows * positions);
    const factor = weight * scale;
    if (factor !== 1) kernels.scale(gradient, rows * positions * classes, factor);
  }
  return sum;
}

function addGradients(kernels: Kernels, { sums }: RunStage, rows: number): void {
  for (let index = 0; index < sums.length; index += 1) {
    const sum = sums[index];
    if (sum !== undefined) kernels.axpy(sum.from, sum.into, rows * sum.width, 1);
  }
}

function checkRows(frame: PlanFrame, rows: number): void {
  if (!Number.isSafeInteger(rows) || rows < 0 || rows > frame.batchSize) {
    throw new RangeError(`rows must be an integer from 0 to ${frame.batchSize}, got ${rows}`);
  }
}

function checkInputs({ inputs }: PlanFrame, rows: number): void {
  for (let index = 0; index < inputs.length; index += 1) {
    const input = inputs[index];
    if (input !== undefined) checkInput(input, rows);
  }
}

function checkTargets(frame: PlanFrame, rows: number): void {
  checkRows(frame, rows);
  for (let index = 0; index < frame.outputs.length; index += 1) {
    const output = frame.outputs[index];
    if (output !== undefined) checkTarget(output.target, rows);
  }
}
