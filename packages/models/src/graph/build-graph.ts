/** Builds the graph of a model: expands composite layers, resolves names, infers shapes and lays the parameters out. */
import { inputShapesOf, lossesOf } from "../spec/model-faces.ts";
import type { LayerSpec, ModelSpec } from "../spec/model-spec.ts";
import type { ValueShape } from "../spec/value-shape.ts";
import { definitionOf } from "../layers/layer-table.ts";
import { LayerComplaint, type PrimitiveDefinition } from "../layers/layer-definition.ts";
import { modelBounds } from "../spec/model-bounds.ts";
import { checkLoss, checkShape, checkTrainable, checkUsed } from "./check-graph.ts";
import type { Graph, GraphNode, GraphOutput, GraphValue } from "./graph.ts";
import { refuse, type LayerPlace } from "./refuse.ts";
import { createSegmentList, type SegmentList } from "./segment-list.ts";

/** The names that `from` may use among the layers of one list. */
interface Scope {
  readonly values: Map<string, number>;
  /** What the first layer reads by default; undefined where that has to be said. */
  readonly entry: number | undefined;
  readonly prefix: string;
  /** The layer whose expansion this is; undefined for the model's own list. */
  readonly within: LayerPlace | undefined;
  readonly frozen: boolean;
  readonly depth: number;
}

interface Construction {
  readonly root: string;
  readonly values: GraphValue[];
  readonly nodes: GraphNode[];
  readonly segments: SegmentList;
}

/**
 * @param root start of the paths in messages
 * @throws ShoalError invalid_argument, naming the layer and what it expects
 */
export function buildGraph(spec: ModelSpec, root = "model"): Graph {
  const construction: Construction = { root, values: [], nodes: [], segments: createSegmentList(root) };
  const names = new Map<string, number>();
  const inputs = inputShapesOf(spec).map(([name, shape]) => {
    const value = addValue(construction, shape, undefined);
    names.set(name, value);
    return { name, value };
  });
  const entry = inputs.length === 1 ? inputs[0]?.value : undefined;
  const scope: Scope = { values: names, entry, prefix: "", within: undefined, frozen: false, depth: 0 };
  const last = addLayers(construction, spec.layers, scope);
  const outputs = lossesOf(spec).map(({ name, layer, loss }): GraphOutput => {
    const value = layer === undefined ? last : names.get(layer);
    if (value === undefined || construction.values[value]?.producer === undefined) {
      refuse(root, `loss.${name}`, `no layer is called "${name}"`);
    }
    return { name, value, loss };
  });
  const { values, nodes, segments } = construction;
  const graph: Graph = { inputs, values, nodes, outputs, layout: segments.layout() };
  checkUsed(graph, root);
  for (const output of outputs) checkLoss(graph, output, root);
  checkTrainable(graph, root);
  return graph;
}

function addValue(construction: Construction, shape: ValueShape, producer: number | undefined): number {
  return construction.values.push({ shape, producer }) - 1;
}

/** @returns the value of the last layer */
function addLayers(construction: Construction, layers: readonly LayerSpec[], scope: Scope): number {
  let previous = scope.entry;
  for (const [index, layer] of layers.entries()) {
    const { within } = scope;
    const place: LayerPlace = {
      label: `${within === undefined ? "" : `${within.label} > `}layer ${index} (${layer.type})`,
      path: within?.path ?? `layers[${index}]`,
    };
    const local = layer.name ?? String(index);
    if (scope.values.has(local)) {
      refuse(construction.root, `${place.path}.name`, `${place.label}: another layer is called "${local}" already`);
    }
    const inputs = resolve(construction, layer, place, scope, previous);
    previous = addLayer(construction, layer, place, `${scope.prefix}${local}`, inputs, scope);
    scope.values.set(local, previous);
  }
  if (previous === undefined) throw new RangeError("a list of layers must not be empty");
  return previous;
}

function resolve(
  construction: Construction,
  layer: LayerSpec,
  place: LayerPlace,
  scope: Scope,
  previous: number | undefined,
): readonly number[] {
  const { root } = construction;
  if (layer.from === undefined) {
    if (previous !== undefined) return [previous];
    const names = [...scope.values.keys()].join(", ");
    return refuse(root, `${place.path}.from`, `${place.label}: say which of the inputs it reads (from): ${names}`);
  }
  const names = typeof layer.from === "string" ? [layer.from] : layer.from;
  return names.map((name) => {
    const value = name === "^" && scope.within !== undefined ? scope.entry : scope.values.get(name);
    if (value !== undefined) return value;
    return refuse(root, `${place.path}.from`, `${place.label}: nothing before it is called "${name}"`);
  });
}

/** @returns the value that the layer computes */
function addLayer(
  construction: Construction,
  layer: LayerSpec,
  place: LayerPlace,
  name: string,
  inputs: readonly number[],
  scope: Scope,
): number {
  const definition = definitionOf(layer);
  const frozen = scope.frozen || layer.frozen === true;
  const shapes = inputs.map((value) => construction.values[value]?.shape ?? ({ kind: "floats", shape: [] } as const));
  if (definition.kind === "primitive") {
    return addNode(construction, { layer, definition, name, place, frozen, inputs, shapes });
  }
  const depth = scope.depth + 1;
  if (depth > modelBounds.depth) {
    refuse(
      construction.root,
      place.path,
      `${place.label}: layers stand in each other at most ${modelBounds.depth} deep`,
    );
  }
  const children = attempt(construction, place, () => definition.expand(layer, shapes));
  const inner = {
    values: new Map<string, number>(),
    entry: inputs[0],
    prefix: `${name}.`,
    within: place,
    frozen,
    depth,
  };
  return addLayers(construction, children, inner);
}

interface NewNode {
  readonly layer: LayerSpec;
  readonly definition: PrimitiveDefinition<LayerSpec>;
  readonly name: string;
  readonly place: LayerPlace;
  readonly frozen: boolean;
  readonly inputs: readonly number[];
  readonly shapes: readonly ValueShape[];
}

function addNode(construction: Construction, node: NewNode): number {
  const { layer, definition, name, place, frozen, inputs, shapes } = node;
  const index = construction.nodes.length;
  if (index >= modelBounds.nodes) {
    refuse(construction.root, "layers", `the model has more than ${modelBounds.nodes} layers`);
  }
  const shape = attempt(construction, place, () => definition.infer(layer, shapes));
  checkShape(shape, place, construction.root);
  const declared = attempt(construction, place, () => definition.parameters(layer, shapes));
  const segments = declared.map((declaration) => construction.segments.add(name, declaration, frozen, place));
  const output = addValue(construction, shape, index);
  construction.nodes.push({ index, layer, definition, name, label: place.label, frozen, inputs, output, segments });
  return output;
}

/** Puts the layer's name in front of its complaint. */
function attempt<T>(construction: Construction, place: LayerPlace, ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof LayerComplaint)) throw error;
    return refuse(construction.root, place.path, `${place.label}: ${error.message}`);
  }
}
