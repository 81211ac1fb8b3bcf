/**
 * The forward and the backward pass of a stage as kernel calls.
 *
 * dense     y = f(x·Wᵀ + b);  dW = gᵀ·x,  db = Σ rows of g,  dx = g·W  with g = dy ⊙ f'
 * activate  y = f(x);         dx = dy ⊙ f'(x)
 */
import type { Kernels, Offset } from "@shoal/kernels-wasm";
import type { ActivateStage, DenseStage, Stage } from "./lower.ts";

const floatBytes = 4;

/** A stage with its buffers as absolute byte offsets. */
export interface PlacedStage {
  readonly stage: Stage;
  readonly inputs: Offset;
  readonly outputs: Offset;
  readonly sums: Offset;
  /** False for the stages before which no parameters are left to train. */
  readonly needsInputGradient: boolean;
}

export function runForward(kernels: Kernels, placed: PlacedStage, parameters: Offset, rows: number): void {
  const { stage, inputs, outputs, sums } = placed;
  if (stage.type === "activate") {
    kernels.activate(inputs, outputs, rows * stage.outputs, stage.activation);
    return;
  }
  const weight = parameters + stage.weight * floatBytes;
  kernels.matmulTransposeB(inputs, weight, sums, rows, stage.inputs, stage.outputs, false);
  // A function that keeps its input for the backward pass (`sums` apart from `outputs`) cannot run in place.
  const inPlace = sums === outputs ? stage.activation : "identity";
  if (stage.bias !== undefined) {
    kernels.addBiasActivate(sums, parameters + stage.bias * floatBytes, rows, stage.outputs, inPlace);
  } else if (inPlace !== "identity") {
    kernels.activate(sums, outputs, rows * stage.outputs, inPlace);
  }
  if (sums !== outputs) kernels.activate(sums, outputs, rows * stage.outputs, stage.activation);
}

/**
 * Overwrites the stage's part of `gradient`, uses up the gradient of its outputs at `upstream` and, where it is needed,
 * leaves that of its inputs. @returns where the gradient of the inputs stands: `upstream` or `spare`
 */
export function runBackward(
  kernels: Kernels,
  placed: PlacedStage,
  parameters: Offset,
  gradient: Offset,
  rows: number,
  upstream: Offset,
  spare: Offset,
): Offset {
  const { stage } = placed;
  if (stage.type === "activate") {
    if (placed.needsInputGradient) throughActivation(kernels, placed, stage, rows, upstream);
    return upstream;
  }
  throughActivation(kernels, placed, stage, rows, upstream);
  const weightGradient = gradient + stage.weight * floatBytes;
  kernels.matmulTransposeA(upstream, placed.inputs, weightGradient, stage.outputs, rows, stage.inputs, false);
  if (stage.bias !== undefined) {
    kernels.sumRows(upstream, gradient + stage.bias * floatBytes, rows, stage.outputs);
  }
  if (!placed.needsInputGradient) return upstream;
  const weight = parameters + stage.weight * floatBytes;
  kernels.matmul(upstream, weight, spare, rows, stage.outputs, stage.inputs, false);
  return spare;
}

function throughActivation(
  kernels: Kernels,
  placed: PlacedStage,
  stage: DenseStage | ActivateStage,
  rows: number,
  upstream: Offset,
): void {
  if (stage.activation === "identity") return;
  const before = stage.type === "dense" ? placed.sums : placed.inputs;
  const known = stage.activation === "gelu" ? before : placed.outputs;
  kernels.activateGradient(known, upstream, upstream, rows * stage.outputs, stage.activation);
}
