/** The same values in another shape, such as 784 → 1×28×28. */
import * as z from "zod/mini";
import { describeShape, elementsOf, floatsOf, type FloatsShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint, type LayerFields, type PrimitiveDefinition } from "./layer-definition.ts";
import { countField, layerSchema } from "./layer-schema.ts";
import { movingStage } from "./move-values.ts";
import { oneFloatsInput } from "./one-input.ts";

export interface ReshapeLayer extends LayerFields {
  readonly type: "reshape";
  /** Of one sample, without the batch axis. */
  readonly shape: readonly number[];
}

const greatestAxes = 8;
const shapeWords = `a list of 1 to ${greatestAxes} positive integers`;

function shapeOf(layer: ReshapeLayer, inputs: readonly ValueShape[]): FloatsShape {
  const input = oneFloatsInput(inputs);
  const result = floatsOf(...layer.shape);
  const [has, wants] = [elementsOf(input.shape), elementsOf(layer.shape)];
  if (has !== wants) {
    const shapes = `${describeShape(input)} into ${describeShape(result)}`;
    throw new LayerComplaint(`cannot put ${shapes}: ${has} values for ${wants} places`);
  }
  return result;
}

export const reshape: PrimitiveDefinition<ReshapeLayer> = {
  kind: "primitive",
  schema: layerSchema("reshape", {
    shape: z
      .array(countField, { error: shapeWords })
      .check(z.minLength(1, { error: shapeWords }), z.maxLength(greatestAxes, { error: shapeWords })),
  }),
  infer: shapeOf,
  parameters: () => [],
  flops: () => 0,
  stage: (_layer, inputs) => movingStage(oneFloatsInput(inputs)),
};
