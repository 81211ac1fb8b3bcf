/** All values of a sample in one axis, in their order: [channels, height, width] → [channels · height · width]. */
import { elementsOf, floatsOf } from "../spec/value-shape.ts";
import type { LayerFields, PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { movingStage } from "./move-values.ts";
import { oneFloatsInput } from "./one-input.ts";

export interface FlattenLayer extends LayerFields {
  readonly type: "flatten";
}

export const flatten: PrimitiveDefinition<FlattenLayer> = {
  kind: "primitive",
  schema: layerSchema("flatten", {}),
  infer: (_layer, inputs) => floatsOf(elementsOf(oneFloatsInput(inputs).shape)),
  parameters: () => [],
  flops: () => 0,
  stage: (_layer, inputs) => movingStage(oneFloatsInput(inputs)),
};
