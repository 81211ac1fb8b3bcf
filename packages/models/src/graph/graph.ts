/** A model's graph: its primitive layers in the order in which they run, and the values that flow between them. */
import type { PrimitiveDefinition } from "../layers/layer-definition.ts";
import type { LayerSpec, WeightedLossSpec } from "../spec/model-spec.ts";
import type { ParameterLayout, Segment } from "../spec/parameter-layout.ts";
import type { ValueShape } from "../spec/value-shape.ts";

export interface GraphValue {
  readonly shape: ValueShape;
  /** Index of the node that computes it; undefined: an input of the model. */
  readonly producer: number | undefined;
}

export interface GraphNode {
  /** Its position in the list of nodes; the layer's own number in random draws. */
  readonly index: number;
  readonly layer: LayerSpec;
  readonly definition: PrimitiveDefinition<LayerSpec>;
  /** With the names of the layers it is in: `blocks.0.qkv`, `3.1`. */
  readonly name: string;
  /** For messages: `layer 3 (residual) > layer 1 (dense)`. */
  readonly label: string;
  readonly frozen: boolean;
  /** Indices of the values it reads and of the one it computes. */
  readonly inputs: readonly number[];
  readonly output: number;
  /** Its parameters, one behind the other in the layout, as declared. */
  readonly segments: readonly Segment[];
}

export interface GraphOutput {
  readonly name: string;
  readonly value: number;
  readonly loss: WeightedLossSpec;
}

export interface Graph {
  readonly inputs: readonly { readonly name: string; readonly value: number }[];
  readonly values: readonly GraphValue[];
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly GraphOutput[];
  readonly layout: ParameterLayout;
}
