/** A residual branch: y = x + f(x) (He et al., CVPR 2016). */
import type { LayerSpec } from "../spec/model-spec.ts";
import type { CompositeDefinition, LayerFields } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

/** Adds its input to what its layers make of it; both have one shape. */
export interface ResidualLayer extends LayerFields {
  readonly type: "residual";
  readonly layers: readonly LayerSpec[];
}

export const residual: CompositeDefinition<ResidualLayer> = {
  kind: "composite",
  schema: (layers) => layerSchema("residual", { layers }),
  expand(layer, inputs) {
    oneFloatsInput(inputs);
    const last = layer.layers.length - 1;
    // Within an expansion a layer without a name goes by its index.
    const branch = layer.layers[last]?.name ?? String(last);
    return [...layer.layers, { type: "add", from: ["^", branch] }];
  },
};
