/** What a layer is told when it is written as ONNX. */
import type { LayerSpec } from "../spec/model-spec.ts";
import type { ValueShape } from "../spec/value-shape.ts";
import type { NodeList } from "./node-list.ts";

export interface OnnxSite {
  readonly list: NodeList;
  /** Names of the values it reads, each [batch, …shape]. Sparse rows are dense ones here: [batch, features]. */
  readonly inputs: readonly string[];
  readonly shapes: readonly ValueShape[];
  readonly output: ValueShape;
  /** Names of the constants that hold its parameters, in the order of its declarations. */
  readonly parameters: readonly string[];
}

/** Writes the layer as it is used, not trained. @returns the name of its result, [batch, …shape] */
export type LayerWriter<L extends LayerSpec> = (layer: L, site: OnnxSite) => string;

/** Name of the first value it reads. */
export function firstInput({ inputs }: OnnxSite): string {
  const [first] = inputs;
  if (first === undefined) throw new RangeError("a layer without inputs cannot be written");
  return first;
}

/** Axes of a sample's value, without the batch axis; empty for sparse rows. */
export function axesOfValue(value: ValueShape | undefined): readonly number[] {
  return value === undefined || value.kind === "sparse" ? [] : value.shape;
}
