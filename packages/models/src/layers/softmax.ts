/** Softmax along the last axis: y = e^x / Σ e^x, dx = y ⊙ (dy − Σ y ⊙ dy). */
import type { StageDefinition } from "../plan/stage.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { LayerFields, PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { lastAxisOf, oneFloatsInput } from "./one-input.ts";

/** Probabilities along the last axis. Losses on classes want logits, without this layer. */
export interface SoftmaxLayer extends LayerFields {
  readonly type: "softmax";
}

function stageOf(inputs: readonly ValueShape[]): StageDefinition {
  const input = oneFloatsInput(inputs);
  const columns = lastAxisOf(input);
  const positions = elementsOf(input.shape) / columns;
  return {
    backwardReads: { inputs: false, output: true },
    inPlace: true,
    gradientInPlace: true,
    create({ kernels, inputs: [from], output, outputGradient, inputGradients: [into] }) {
      const x = from?.at ?? 0;
      const y = output.at;
      return {
        forward: ({ rows }) => kernels.softmax(x, y, rows * positions, columns),
        backward({ rows }) {
          if (into !== undefined) kernels.softmaxGradient(y, outputGradient, into, rows * positions, columns);
        },
      };
    },
  };
}

/** Operations for each element: maximum, difference, exponential, sum, quotient. */
const flopsPerElement = 5;

export const softmax: PrimitiveDefinition<SoftmaxLayer> = {
  kind: "primitive",
  schema: layerSchema("softmax", {}),
  infer(_layer, inputs) {
    const input = oneFloatsInput(inputs);
    lastAxisOf(input);
    return input;
  },
  parameters: () => [],
  flops: (_layer, inputs) => flopsPerElement * elementsOf(oneFloatsInput(inputs).shape),
  stage: (_layer, inputs) => stageOf(inputs),
};
