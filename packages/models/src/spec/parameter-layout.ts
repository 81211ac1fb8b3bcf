/** Where each parameter tensor stands in the flat float32 vector of a model. */
import type { LayerSpec, ModelSpec } from "./model-spec.ts";

/** One tensor; `offset` and `length` count elements. Segments lie one behind the other without gaps. */
export interface Segment {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

export interface ParameterLayout {
  /** Elements of the whole vector. */
  readonly size: number;
  readonly segments: readonly Segment[];
}

/** The prefix of a layer's parameter names: its own name, else its index as in PyTorch's `Sequential`. */
export function layerName(layer: LayerSpec, index: number): string {
  return layer.type === "dense" && layer.name !== undefined ? layer.name : String(index);
}

/** Lays the parameters of a checked model out in the order of its layers, weight before bias. */
export function layoutOf(spec: ModelSpec): ParameterLayout {
  const segments: Segment[] = [];
  let size = 0;
  let width = spec.inputs;
  const add = (name: string, shape: readonly number[]): void => {
    const length = shape.reduce((product, dimension) => product * dimension, 1);
    segments.push({ name, shape, offset: size, length });
    size += length;
  };
  for (const [index, layer] of spec.layers.entries()) {
    if (layer.type !== "dense") continue;
    const prefix = layerName(layer, index);
    add(`${prefix}.weight`, [layer.outputs, width]);
    if (layer.bias !== false) add(`${prefix}.bias`, [layer.outputs]);
    width = layer.outputs;
  }
  return { size, segments };
}
