/** Graphs of dense layers, activations and sums in plain float64: the second implementation of compiled plans. */
import { buildGraph } from "../../packages/models/src/graph/build-graph.ts";
import type { GraphNode } from "../../packages/models/src/graph/graph.ts";
import type { LossSpec, ModelSpec } from "../../packages/models/src/spec/model-spec.ts";
import { applyActivation, meanLoss } from "./reference-model.ts";

type Named = Readonly<Record<string, readonly number[]>>;

function valueOf(node: GraphNode, inputs: readonly (readonly number[])[], parameters: readonly number[]): number[] {
  const [first = []] = inputs;
  const { layer, segments } = node;
  switch (layer.type) {
    case "activation":
      return first.map((x) => applyActivation(layer.function, x));
    case "add":
      return first.map((_, index) => inputs.reduce((sum, input) => sum + (input[index] ?? 0), 0));
    case "dense": {
      const [weight, bias] = segments;
      return Array.from({ length: layer.outputs }, (_, output) => {
        let sum = bias === undefined ? 0 : (parameters[bias.offset + output] ?? 0);
        const row = (weight?.offset ?? 0) + output * first.length;
        for (const [index, x] of first.entries()) sum += x * (parameters[row + index] ?? 0);
        return applyActivation(layer.activation ?? "identity", sum);
      });
    }
    default:
      throw new Error(`the reference has no ${layer.type}`);
  }
}

/** @returns the weighted sum of the mean losses as a function of the parameters */
export function createReferenceGraph(
  spec: ModelSpec,
  rows: number,
  inputs: Named,
  targets: Named,
): (parameters: readonly number[]) => number {
  const graph = buildGraph(spec);
  const rowLoss = (parameters: readonly number[], row: number): number => {
    const values = new Map<number, readonly number[]>();
    for (const { name, value } of graph.inputs) values.set(value, rowOf(inputs[name] ?? [], row, graph.values[value]));
    for (const node of graph.nodes) {
      const read = node.inputs.map((value) => values.get(value) ?? []);
      values.set(node.output, valueOf(node, read, parameters));
    }
    return graph.outputs.reduce((sum, { name, value, loss }) => {
      const wanted = rowOf(targets[name] ?? [], row, graph.values[value]);
      return sum + (loss.weight ?? 1) * lossOf(loss, values.get(value) ?? [], wanted);
    }, 0);
  };
  return (parameters) => {
    let sum = 0;
    for (let row = 0; row < rows; row += 1) sum += rowLoss(parameters, row);
    return sum / rows;
  };
}

function rowOf(data: readonly number[], row: number, value: { readonly shape: object } | undefined): readonly number[] {
  const { shape = [] }: { shape?: readonly number[] } = value?.shape ?? {};
  const width = shape.reduce((product, axis) => product * axis, 1);
  return data.slice(row * width, (row + 1) * width);
}

function lossOf(loss: LossSpec, outputs: readonly number[], targets: readonly number[]): number {
  return meanLoss(loss, Float64Array.from(outputs), 0, Float64Array.from(targets));
}
