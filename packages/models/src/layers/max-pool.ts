/** The greatest value of each window; its gradient goes to where that value stood (the first of equals). */
import type { StageDefinition } from "../plan/stage.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { poolFields, poolFlops, poolOf, type PoolFields } from "./pool-shape.ts";

export interface MaxPoolLayer extends PoolFields {
  readonly type: "max_pool";
}

const indexBytes = 4;

function stageOf(layer: MaxPoolLayer, inputs: readonly ValueShape[]): StageDefinition {
  const { channels, shape, result } = poolOf(layer, inputs);
  const size = elementsOf(result.shape);
  return {
    keeps: (rows) => [rows * size * indexBytes],
    backwardReads: { inputs: false, output: false },
    create({ kernels, inputs: [from], output, keeps: [indices = 0], outputGradient, inputGradients: [into] }) {
      const x = from?.at ?? 0;
      return {
        forward: ({ rows }) => kernels.maxPool(x, output.at, indices, rows * channels, shape),
        backward({ rows }) {
          if (into !== undefined) kernels.maxPoolGradient(outputGradient, indices, into, rows * channels, shape);
        },
      };
    },
  };
}

export const maxPool: PrimitiveDefinition<MaxPoolLayer> = {
  kind: "primitive",
  schema: layerSchema("max_pool", poolFields),
  infer: (layer, inputs) => poolOf(layer, inputs).result,
  parameters: () => [],
  flops: poolFlops,
  stage: stageOf,
};
