/** An element-wise function as a layer: y = f(x), dx = dy ⊙ f'. */
import { derivativeReadsInput, type Activation } from "@shoal/kernels-wasm";
import type { StageDefinition } from "../plan/stage.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { LayerFields, PrimitiveDefinition } from "./layer-definition.ts";
import { activationField, layerSchema } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

/** An element-wise function as a layer of its own, so that indices match PyTorch's `Sequential`. */
export interface ActivationLayer extends LayerFields {
  readonly type: "activation";
  readonly function: Activation;
}

function stageOf(layer: ActivationLayer, inputs: readonly ValueShape[]): StageDefinition {
  const width = elementsOf(oneFloatsInput(inputs).shape);
  const readsInput = derivativeReadsInput(layer.function);
  const isIdentity = layer.function === "identity";
  return {
    backwardReads: { inputs: readsInput, output: !readsInput && !isIdentity },
    inPlace: !readsInput,
    gradientInPlace: true,
    create({ kernels, inputs: [from], output, outputGradient, inputGradients: [into] }) {
      const x = from?.at ?? 0;
      const y = output.at;
      const known = readsInput ? x : y;
      return {
        forward: ({ rows }) => kernels.activate(x, y, rows * width, layer.function),
        backward({ rows }) {
          if (into !== undefined) kernels.activateGradient(known, outputGradient, into, rows * width, layer.function);
        },
      };
    },
  };
}

export const activation: PrimitiveDefinition<ActivationLayer> = {
  kind: "primitive",
  schema: layerSchema("activation", { function: activationField }),
  infer: (_layer, inputs) => oneFloatsInput(inputs),
  parameters: () => [],
  flops: (_layer, inputs) => elementsOf(oneFloatsInput(inputs).shape),
  stage: stageOf,
};
