/**
 * Compiles a model: infers every shape, lays everything out in one region, and yields a plan whose step is a list of
 * kernel calls.
 *
 * Invariants
 *   P1  buffers of a plan do not overlap; a step writes nothing but the plan's region and the gradient it was given.
 *   P2  the same parameters, batch and build give the same bits, wherever and whenever the step runs.
 */
import type { Kernels, Offset, Region } from "@shoal/kernels-wasm";
import { outputsOf, type ModelSpec } from "../spec/model-spec.ts";
import { layoutOf } from "../spec/parameter-layout.ts";
import { layOutBuffers, type PlanBuffers } from "./buffers.ts";
import { lossFunction } from "./losses.ts";
import { lower, type Stage } from "./lower.ts";
import type { PlacedStage } from "./passes.ts";
import type { Plan, PlanMemory } from "./plan.ts";
import { createPlanViews } from "./plan-views.ts";
import { evaluate, forward, gradientOf, type PlanFrame } from "./run.ts";

export interface CompileOptions {
  /** Most rows of one batch. */
  readonly batchSize: number;
  /** Kernels on `memory`. */
  readonly kernels: Kernels;
  /** The plan takes one region of `planBytes(spec, batchSize)` bytes from it. */
  readonly memory: PlanMemory;
}

function buffersOf(spec: ModelSpec, stages: readonly Stage[], batchSize: number): PlanBuffers {
  return layOutBuffers(stages, spec.inputs, batchSize, spec.loss.type === "softmax_cross_entropy");
}

/** Bytes of the one region that a plan for batches of `batchSize` rows takes. */
export function planBytes(spec: ModelSpec, batchSize: number): number {
  return buffersOf(spec, lower(spec), batchSize).byteLength;
}

function place(stages: readonly Stage[], buffers: PlanBuffers, region: Region): PlacedStage[] {
  const placed: PlacedStage[] = [];
  let inputs = region.byteOffset + buffers.inputs;
  let needsInputGradient = false;
  for (const [index, stage] of stages.entries()) {
    const own = buffers.stages[index] ?? { outputs: 0, sums: 0 };
    const outputs = region.byteOffset + own.outputs;
    placed.push({ stage, inputs, outputs, sums: region.byteOffset + own.sums, needsInputGradient });
    inputs = outputs;
    needsInputGradient ||= stage.type === "dense";
  }
  return placed;
}

/**
 * Compiles a checked model (see `parseModelSpec`) for batches of up to `batchSize` rows.
 * @throws RangeError when batchSize is not a positive integer; ShoalError out_of_memory
 */
export function compile(spec: ModelSpec, options: CompileOptions): Plan {
  const { batchSize, kernels, memory } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`batchSize must be a positive integer, got ${batchSize}`);
  }
  const stages = lower(spec);
  const buffers = buffersOf(spec, stages, batchSize);
  const region = memory.allocate(buffers.byteLength);
  const frame = frameOf(spec, options, stages, buffers, region);
  const at = (offset: number): Offset => region.byteOffset + offset;
  return {
    spec,
    layout: layoutOf(spec),
    batchSize,
    features: spec.inputs,
    outputs: frame.outputs.columns,
    peakBytes: buffers.byteLength,
    get inputs() {
      return frame.views().inputs;
    },
    get inputBytes() {
      return frame.views().inputBytes;
    },
    get labels() {
      return frame.views().labels;
    },
    get targets() {
      return frame.views().targets;
    },
    convertBytes(rows, scale, shift) {
      kernels.bytesToFloats(at(buffers.inputBytes), at(buffers.inputs), rows * spec.inputs, scale, shift);
    },
    gradient: (parameters, gradient, rows) => gradientOf(frame, parameters, gradient, rows),
    forward: (parameters, rows) => forward(frame, parameters, rows),
    evaluate: (parameters, rows) => evaluate(frame, parameters, rows),
    dispose: () => memory.free(region),
  };
}

function frameOf(
  spec: ModelSpec,
  options: CompileOptions,
  stages: readonly Stage[],
  buffers: PlanBuffers,
  region: Region,
): PlanFrame {
  const { batchSize, kernels, memory } = options;
  const outputs = outputsOf(spec);
  const hasLabels = spec.loss.type === "softmax_cross_entropy";
  const placed = place(stages, buffers, region);
  const at = (offset: number): Offset => region.byteOffset + offset;
  return {
    kernels,
    loss: spec.loss,
    lossOf: lossFunction(kernels, spec.loss, outputs),
    placed,
    batchSize,
    parameterCount: layoutOf(spec).size,
    outputs: { offset: placed.at(-1)?.outputs ?? at(buffers.inputs), columns: outputs },
    answers: at(hasLabels ? buffers.labels : buffers.targets),
    gradients: [at(buffers.gradients[0]), at(buffers.gradients[1])],
    predicted: at(buffers.predicted),
    expected: at(buffers.expected),
    views: createPlanViews(memory.memory, region, buffers, { batchSize, features: spec.inputs, outputs, hasLabels }),
  };
}
