/** Turns a graph into the stages that run: activations are fused into what they follow, where that can be. */
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { LayerSpec } from "../spec/model-spec.ts";
import type { ValueShape } from "../spec/value-shape.ts";
import type { StageDefinition } from "./stage.ts";

export interface PlannedStage {
  /** The node whose parameters and number the stage has. */
  readonly node: GraphNode;
  readonly definition: StageDefinition;
  /** Indices of values of the graph. */
  readonly inputs: readonly number[];
  readonly output: number;
  /** It has parameters that are trained. */
  readonly trains: boolean;
  /** For each input: a gradient of it is wanted, because something before it is trained. */
  readonly wantsGradients: readonly boolean[];
  readonly runsBackward: boolean;
}

interface Fused {
  readonly node: GraphNode;
  readonly layer: LayerSpec;
  readonly output: number;
}

export function planStages(graph: Graph): readonly PlannedStage[] {
  const shapeOf = (value: number): ValueShape => graph.values[value]?.shape ?? { kind: "floats", shape: [] };
  /** Values that depend on trained parameters. */
  const trained = new Set<number>();
  return fuse(graph).map(({ node, layer, output }): PlannedStage => {
    const { inputs, frozen, segments } = node;
    const definition = node.definition.stage(layer, inputs.map(shapeOf), shapeOf(output));
    const trains = !frozen && segments.length > 0;
    const wantsGradients = inputs.map((value) => trained.has(value));
    const runsBackward = trains || wantsGradients.includes(true);
    if (runsBackward) trained.add(output);
    return { node, definition, inputs, output, trains, wantsGradients, runsBackward };
  });
}

function fuse(graph: Graph): Fused[] {
  const fused: Fused[] = [];
  /** Where the stage that computes a value stands in `fused`. */
  const producers = new Map<number, number>();
  const readers = readersOf(graph);
  for (const node of graph.nodes) {
    const target = fusionTarget(node, fused, producers, readers);
    const at = target?.at ?? fused.length;
    fused[at] = target?.fused ?? { node, layer: node.layer, output: node.output };
    producers.set(node.output, at);
  }
  return fused;
}

/** How often each value is read; a model's output counts as read by its loss. */
function readersOf(graph: Graph): ReadonlyMap<number, number> {
  const readers = new Map<number, number>();
  const read = (value: number): unknown => readers.set(value, (readers.get(value) ?? 0) + 1);
  for (const { inputs } of graph.nodes) inputs.forEach(read);
  for (const { value } of graph.outputs) read(value);
  return readers;
}

function fusionTarget(
  node: GraphNode,
  stages: readonly Fused[],
  producers: ReadonlyMap<number, number>,
  readers: ReadonlyMap<number, number>,
): { readonly at: number; readonly fused: Fused } | undefined {
  const [input] = node.inputs;
  if (node.layer.type !== "activation" || input === undefined || readers.get(input) !== 1) return undefined;
  const at = producers.get(input);
  const before = stages[at ?? -1];
  if (at === undefined || before === undefined) return undefined;
  const layer = before.node.definition.withActivation?.(before.layer, node.layer.function);
  return layer === undefined ? undefined : { at, fused: { ...before, layer, output: node.output } };
}
