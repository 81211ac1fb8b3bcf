/** The mean of each window. */
import type { StageDefinition } from "../plan/stage.ts";
import type { ValueShape } from "../spec/value-shape.ts";
import type { PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { poolFields, poolFlops, poolOf, type PoolFields } from "./pool-shape.ts";

export interface AveragePoolLayer extends PoolFields {
  readonly type: "average_pool";
}

function stageOf(layer: AveragePoolLayer, inputs: readonly ValueShape[]): StageDefinition {
  const { channels, shape } = poolOf(layer, inputs);
  return {
    backwardReads: { inputs: false, output: false },
    create({ kernels, inputs: [from], output, outputGradient, inputGradients: [into] }) {
      const x = from?.at ?? 0;
      return {
        forward: ({ rows }) => kernels.averagePool(x, output.at, rows * channels, shape),
        backward({ rows }) {
          if (into !== undefined) kernels.averagePoolGradient(outputGradient, into, rows * channels, shape);
        },
      };
    },
  };
}

export const averagePool: PrimitiveDefinition<AveragePoolLayer> = {
  kind: "primitive",
  schema: layerSchema("average_pool", poolFields),
  infer: (layer, inputs) => poolOf(layer, inputs).result,
  parameters: () => [],
  flops: poolFlops,
  stage: stageOf,
};
