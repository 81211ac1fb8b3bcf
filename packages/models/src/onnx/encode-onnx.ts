/**
 * A trained model as an ONNX file, as it is used: no dropout, running statistics, logits where the loss takes logits.
 *
 * Inputs and outputs keep their names and have a batch axis of any size. Tokens are int32; sparse rows become dense ones,
 * [batch, features]. Parameters keep their names.
 */
import { ShoalError } from "@shoal/errors";
import { buildGraph } from "../graph/build-graph.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { ModelMetadata } from "../model-file/model-file.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import type { ValueShape } from "../spec/value-shape.ts";
import { createNodeList, type NodeList } from "./node-list.ts";
import { encodeOnnxModel, type OnnxValue } from "./onnx-model.ts";
import { writerOf } from "./write-table.ts";

const batchAxis = "batch";

/**
 * @param parameters [layout.size] float32, borrowed
 * @throws ShoalError layout_mismatch when `parameters` has not the layout's size
 */
export function encodeOnnx(spec: ModelSpec, parameters: Float32Array, metadata: ModelMetadata = {}): Uint8Array {
  const graph = buildGraph(spec);
  const { size } = graph.layout;
  if (parameters.length !== size) {
    const details = { expected: size, found: parameters.length };
    throw new ShoalError("layout_mismatch", `${parameters.length} parameters for a model of ${size}`, details);
  }
  const list = createNodeList();
  const names = new Map(graph.inputs.map(({ name, value }) => [value, name] as const));
  for (const node of graph.nodes) names.set(node.output, writeNode(graph, node, names, list, parameters));
  const used = new Set([...graph.inputs, ...graph.layout.segments].map(({ name }) => name));
  const outputs = graph.outputs.map(({ name, value }): OnnxValue => {
    const outputName = used.has(name) ? `${name}.output` : name;
    list.rename(nameOf(names, value), outputName);
    return valueOf(outputName, shapeOf(graph, value));
  });
  return encodeOnnxModel({
    name: "shoal",
    nodes: list.nodes,
    constants: list.constants,
    inputs: graph.inputs.map(({ name, value }) => valueOf(name, shapeOf(graph, value))),
    outputs,
    metadata,
  });
}

function writeNode(
  graph: Graph,
  node: GraphNode,
  names: ReadonlyMap<number, string>,
  list: NodeList,
  parameters: Float32Array,
): string {
  const { layer, inputs, output, segments } = node;
  return writerOf(layer)(layer, {
    list,
    inputs: inputs.map((value) => nameOf(names, value)),
    shapes: inputs.map((value) => shapeOf(graph, value)),
    output: shapeOf(graph, output),
    parameters: segments.map(({ name, offset, length, shape }) =>
      list.floats(parameters.subarray(offset, offset + length), shape, name),
    ),
  });
}

function nameOf(names: ReadonlyMap<number, string>, value: number): string {
  const name = names.get(value);
  if (name === undefined) throw new RangeError(`value ${value} is read before it is computed`);
  return name;
}

function shapeOf({ values }: Graph, value: number): ValueShape {
  const found = values[value];
  if (found === undefined) throw new RangeError(`there is no value ${value}`);
  return found.shape;
}

function valueOf(name: string, shape: ValueShape): OnnxValue {
  const axes = shape.kind === "sparse" ? [shape.features] : shape.shape;
  return { name, type: shape.kind === "tokens" ? "int32" : "float32", shape: [batchAxis, ...axes] };
}
