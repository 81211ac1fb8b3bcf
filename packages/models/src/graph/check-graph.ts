/** What must hold of a graph as a whole. */
import { modelBounds } from "../spec/model-bounds.ts";
import { describeShape, elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { Graph, GraphOutput } from "./graph.ts";
import { refuse, type LayerPlace } from "./refuse.ts";

/** @throws ShoalError invalid_argument when a layer makes more of a sample than is allowed */
export function checkShape(shape: ValueShape, { label, path }: LayerPlace, root: string): void {
  if (shape.kind === "sparse" || elementsOf(shape.shape) <= modelBounds.width) return;
  refuse(
    root,
    path,
    `${label}: its result has ${describeShape(shape)} elements, at most ${modelBounds.width} are allowed`,
  );
}

/** Every input and every layer must lead to an output. @throws ShoalError invalid_argument */
export function checkUsed(graph: Graph, root: string): void {
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  for (const { value } of graph.outputs) read.add(value);
  for (const { name, value } of graph.inputs) {
    if (!read.has(value)) refuse(root, "inputs", `no layer reads the input "${name}"`);
  }
  for (const { label, output } of graph.nodes) {
    if (!read.has(output)) refuse(root, "layers", `${label}: nothing reads its result and it has no loss`);
  }
}

/** @throws ShoalError invalid_argument when an output does not suit its loss */
export function checkLoss(graph: Graph, output: GraphOutput, root: string): void {
  const value = graph.values[output.value];
  const node = graph.nodes[value?.producer ?? -1];
  if (value === undefined || node === undefined) return;
  const { shape } = value;
  if (shape.kind !== "floats") {
    refuse(root, "loss", `${node.label}: ${output.loss.type} needs numbers, gets ${describeShape(shape)}`);
  }
  const classes = shape.shape.at(-1) ?? 1;
  const { type } = output.loss;
  if ((type === "softmax_cross_entropy" || type === "distillation") && classes < 2) {
    const wanted = `${type} needs at least 2 outputs (binary_cross_entropy takes 1)`;
    refuse(root, "layers", `${node.label}: ${wanted}, got ${classes}`);
  }
}

/** @throws ShoalError invalid_argument when no parameter is trained */
export function checkTrainable({ layout }: Graph, root: string): void {
  if (layout.segments.some(({ frozen, role }) => !frozen && role !== "statistic")) return;
  const expected = "expected at least one layer with parameters that are not frozen";
  refuse(root, "layers", `${expected}, else there is nothing to train`);
}
