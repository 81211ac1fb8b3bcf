/**
 * Compiles a model: builds its graph, fuses what can be fused, lays everything out in one region, and yields a plan whose
 * step is a list of kernel calls.
 *
 * Invariants
 *   P1  buffers of a plan that are alive at the same time do not overlap; a step writes nothing but the plan's region and
 *       the gradient it was given.
 *   P2  the same parameters, batch, draw and build give the same bits, wherever and whenever the step runs.
 */
import type { Kernels, Offset, Region } from "@shoal/kernels-wasm";
import { buildGraph } from "../graph/build-graph.ts";
import type { Graph } from "../graph/graph.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import type { Segment } from "../spec/parameter-layout.ts";
import { elementsOf } from "../spec/value-shape.ts";
import { createStages } from "./create-stages.ts";
import { layOutPlan, type PlanBuffers } from "./lay-out.ts";
import { halfMoves } from "./half-moves.ts";
import { scaledGradient, type LossScale } from "./loss-scale.ts";
import { lossFunction } from "./losses.ts";
import type { Plan, PlanMemory } from "./plan.ts";
import { stageKeys } from "./plan-gates.ts";
import { halfCodec, type Precision } from "./precision.ts";
import { inputFace, targetFace } from "./plan-places.ts";
import { planStages, type PlannedStage } from "./plan-stages.ts";
import { evaluate, forward, type GradientRange, type OutputFrame, type PlanFrame } from "./run.ts";

export interface CompileOptions {
  /** Most rows of one batch. */
  readonly batchSize: number;
  /** Kernels on `memory`. */
  readonly kernels: Kernels;
  /** The plan takes one region of `planBytes` bytes from it. */
  readonly memory: PlanMemory;
  /** How activations are stored and weights rounded; default `float32`: not at all. */
  readonly precision?: Precision | undefined;
  /** What the losses are multiplied by while their gradients are computed; default 1. See `loss-scale.ts`. */
  readonly lossScale?: LossScale | undefined;
}

/**
 * Compiles a checked model (see `parseModelSpec`) for batches of up to `batchSize` rows.
 * @throws RangeError when batchSize is not a positive integer; ShoalError out_of_memory
 */
export function compile(spec: ModelSpec, options: CompileOptions): Plan {
  const { batchSize, memory, precision = "float32" } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`batchSize must be a positive integer, got ${batchSize}`);
  }
  const graph = buildGraph(spec);
  const stages = planStages(graph);
  const buffers = layOutPlan(graph, stages, batchSize, precision);
  const region = memory.allocate(buffers.byteLength);
  const frame = frameOf(graph, stages, buffers, region, options);
  return {
    spec,
    layout: graph.layout,
    batchSize,
    inputs: Object.fromEntries(graph.inputs.map(({ name }, index) => [name, present(frame.inputs[index])])),
    targets: Object.fromEntries(frame.outputs.map(({ name, target }) => [name, target])),
    outputs: Object.fromEntries(frame.outputs.map(({ name, offset, shape }) => [name, { offset, shape }])),
    peakBytes: buffers.byteLength,
    gradient: (parameters, gradient, rows, draw, gates) =>
      scaledGradient(frame, parameters, gradient, rows, draw, gates),
    forward: (parameters, rows) => forward(frame, parameters, rows),
    evaluate: (parameters, rows) => evaluate(frame, parameters, rows),
    dispose: () => memory.free(region),
  };
}

function frameOf(
  graph: Graph,
  stages: readonly PlannedStage[],
  buffers: PlanBuffers,
  region: Region,
  options: CompileOptions,
): PlanFrame {
  const { batchSize, kernels, precision = "float32", lossScale = 1 } = options;
  const { memory } = options.memory;
  const at = (buffer: number): Offset => region.byteOffset + (buffers.offsets[buffer] ?? 0);
  const context = { kernels, memory, batchSize };
  const inputs = graph.inputs.map(({ value }, index) => {
    const { at: main, bytes, indices, values } = present(buffers.inputs[index]);
    const place = {
      at: at(main),
      bytes: optional(at, bytes),
      indices: optional(at, indices),
      values: optional(at, values),
    };
    return { value, place, face: inputFace(present(graph.values[value]).shape, place, context) };
  });
  const places = new Map(inputs.map(({ value, place }) => [value, place]));
  return {
    kernels,
    batchSize,
    parameterCount: graph.layout.size,
    inputs: inputs.map(({ face }) => face),
    stages: createStages({ graph, stages, buffers, kernels, at, inputs: places }),
    keys: stageKeys(stages),
    halves: halfMoves({ stages, buffers, batchSize, codec: halfCodec(kernels, precision), at }),
    outputs: graph.outputs.map((_, index) => outputFrame(graph, index, buffers, at, context)),
    ...gradientRanges(graph, stages),
    lossScale,
    call: { parameters: 0, gradient: 0, rows: 0, training: false, draw: { seed: 0, epoch: 0, first: 0 } },
  };
}

function outputFrame(
  graph: Graph,
  index: number,
  buffers: PlanBuffers,
  at: (buffer: number) => Offset,
  context: { readonly kernels: Kernels; readonly memory: WebAssembly.Memory; readonly batchSize: number },
): OutputFrame {
  const { name, value, loss } = present(graph.outputs[index]);
  const own = present(buffers.outputs[index]);
  const { shape } = present(graph.values[value]);
  const axes = shape.kind === "sparse" ? [] : shape.shape;
  const classes = axes.at(-1) ?? 1;
  const positions = elementsOf(axes) / classes;
  return {
    name,
    loss,
    weight: loss.weight ?? 1,
    lossOf: lossFunction(context.kernels, loss, classes),
    offset: at(buffers.values.get(value) ?? 0),
    shape: axes,
    positions,
    classes,
    answers: at(own.target),
    target: targetFace(loss.type === "softmax_cross_entropy", positions, classes, at(own.target), context),
    gradient: at(buffers.gradients.outputs.get(value) ?? 0),
  };
}

/** Nobody writes the gradients of parameters that are not trained, so they are set to zero. */
function gradientRanges(graph: Graph, stages: readonly PlannedStage[]): Pick<PlanFrame, "zeroed" | "scaled"> {
  const written = new Set(stages.filter(({ trains }) => trains).map(({ node }) => node.index));
  const zeroed = graph.nodes.flatMap(({ index, segments }) => (written.has(index) ? [] : segments));
  const trained = graph.nodes.flatMap(({ index, segments }) => (written.has(index) ? segments : []));
  return { zeroed: joined(zeroed), scaled: joined(trained.filter(({ role }) => role !== "statistic")) };
}

/** Neighbours become one range. */
function joined(segments: readonly Segment[]): readonly GradientRange[] {
  const ranges: { begin: number; length: number }[] = [];
  for (const { offset, length } of segments) {
    const last = ranges.at(-1);
    if (last !== undefined && last.begin + last.length === offset) last.length += length;
    else ranges.push({ begin: offset, length });
  }
  return ranges;
}

function optional(at: (buffer: number) => Offset, buffer: number | undefined): Offset | undefined {
  return buffer === undefined ? undefined : at(buffer);
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("the plan and its graph have come apart");
  return value;
}
