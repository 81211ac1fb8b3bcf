/** The mean of each channel of an image: [channels, height, width] → [channels]. */
import type { PoolShape } from "@shoal/kernels-wasm";
import type { StageDefinition } from "../plan/stage.ts";
import { floatsOf, type ValueShape } from "../spec/value-shape.ts";
import { oneImage } from "./image-input.ts";
import type { LayerFields, PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";

export interface GlobalAveragePoolLayer extends LayerFields {
  readonly type: "global_average_pool";
}

function stageOf(_layer: GlobalAveragePoolLayer, inputs: readonly ValueShape[]): StageDefinition {
  const { channels, height, width } = oneImage(inputs);
  const size = height * width;
  const whole: PoolShape = { height, width, kernelHeight: height, kernelWidth: width, strideY: 1, strideX: 1 };
  return {
    backwardReads: { inputs: false, output: false },
    create({ kernels, inputs: [from], output, outputGradient, inputGradients: [into] }) {
      const x = from?.at ?? 0;
      return {
        forward: ({ rows }) => kernels.planeMeans(x, output.at, rows * channels, size),
        backward({ rows }) {
          if (into !== undefined) kernels.averagePoolGradient(outputGradient, into, rows * channels, whole);
        },
      };
    },
  };
}

export const globalAveragePool: PrimitiveDefinition<GlobalAveragePoolLayer> = {
  kind: "primitive",
  schema: layerSchema("global_average_pool", {}),
  infer: (_layer, inputs) => floatsOf(oneImage(inputs).channels),
  parameters: () => [],
  flops(_layer, inputs) {
    const { channels, height, width } = oneImage(inputs);
    return channels * height * width;
  },
  stage: stageOf,
};
