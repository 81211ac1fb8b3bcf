/** What a model consists of, for people: `shoal inspect`. */
import { layOutPlan } from "../plan/lay-out.ts";
import { planStages } from "../plan/plan-stages.ts";
import { bytesOfValue, wordBytes } from "../plan/value-buffers.ts";
import type { ModelSpec, WeightedLossSpec } from "../spec/model-spec.ts";
import type { ValueShape } from "../spec/value-shape.ts";
import { buildGraph } from "./build-graph.ts";
import type { Graph } from "./graph.ts";

/** A primitive layer; composite ones appear as the layers they stand for. */
export interface LayerDescription {
  /** With the names of the layers it is in, as in the names of its parameters: `blocks.0.qkv`. */
  readonly name: string;
  readonly type: string;
  /** Names of the layers and inputs it reads. */
  readonly from: readonly string[];
  /** Of its result, for one sample. */
  readonly shape: ValueShape;
  /** Elements, statistics included. */
  readonly parameters: number;
  readonly frozen: boolean;
  /** Floating-point operations of the forward pass of one sample. */
  readonly flops: number;
  /** Bytes of its result for a batch. */
  readonly bytes: number;
}

export interface ModelDescription {
  readonly inputs: readonly { readonly name: string; readonly shape: ValueShape }[];
  readonly layers: readonly LayerDescription[];
  readonly outputs: readonly { readonly name: string; readonly shape: ValueShape; readonly loss: WeightedLossSpec }[];
  readonly parameters: number;
  /** Those that training changes. */
  readonly trainedParameters: number;
  /** Floating-point operations of the forward pass of one sample; training takes about three times as many. */
  readonly flops: number;
  /** Bytes of a parameter vector; training holds another one for the gradient. */
  readonly parameterBytes: number;
  /** Samples of the batch that the bytes are for. */
  readonly batchSize: number;
  /** Bytes of the plan for a training batch: inputs, activations, gradients of activations, scratch. */
  readonly planBytes: number;
}

/** @throws ShoalError invalid_argument as `parseModelSpec`; RangeError when batchSize is not a positive integer */
export function describeModel(spec: ModelSpec, batchSize: number): ModelDescription {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`batchSize must be a positive integer, got ${batchSize}`);
  }
  const graph = buildGraph(spec);
  const shapeOf = shapesOf(graph);
  const names = new Map(graph.inputs.map(({ name, value }) => [value, name]));
  for (const { name, output } of graph.nodes) names.set(output, name);
  const layers = graph.nodes.map((node): LayerDescription => {
    const { name, layer, definition, inputs, output, segments, frozen } = node;
    const shape = shapeOf(output);
    return {
      name,
      type: layer.type,
      from: inputs.map((value) => names.get(value) ?? ""),
      shape,
      parameters: segments.reduce((sum, { length }) => sum + length, 0),
      frozen,
      flops: definition.flops(layer, inputs.map(shapeOf)),
      bytes: bytesOfValue(shape, batchSize),
    };
  });
  const { size, segments } = graph.layout;
  return {
    inputs: graph.inputs.map(({ name, value }) => ({ name, shape: shapeOf(value) })),
    layers,
    outputs: graph.outputs.map(({ name, value, loss }) => ({ name, shape: shapeOf(value), loss })),
    parameters: size,
    trainedParameters: segments
      .filter(({ frozen, role }) => !frozen && role !== "statistic")
      .reduce((sum, { length }) => sum + length, 0),
    flops: layers.reduce((sum, { flops }) => sum + flops, 0),
    parameterBytes: size * wordBytes,
    batchSize,
    planBytes: layOutPlan(graph, planStages(graph), batchSize).byteLength,
  };
}

function shapesOf(graph: Graph): (value: number) => ValueShape {
  return (value) => graph.values[value]?.shape ?? { kind: "floats", shape: [] };
}
