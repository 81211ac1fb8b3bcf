/** Learned embedding of the position: y = x + weight, for x and weight [positions, width]; dWeight = Σ of dy over rows. */
import type { StageDefinition } from "../plan/stage.ts";
import { describeShape, elementsOf, type FloatsShape, type ValueShape } from "../spec/value-shape.ts";
import { embeddingDeviation } from "./embedding.ts";
import { LayerComplaint, type LayerFields, type PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

/** Adds what it learns of each position to [positions, width]. */
export interface PositionalEmbeddingLayer extends LayerFields {
  readonly type: "positional_embedding";
}

function inputOf(inputs: readonly ValueShape[]): FloatsShape {
  const input = oneFloatsInput(inputs);
  if (input.shape.length !== 2) throw new LayerComplaint(`expects positions×width, gets ${describeShape(input)}`);
  return input;
}

function stageOf(inputs: readonly ValueShape[]): StageDefinition {
  const width = elementsOf(inputOf(inputs).shape);
  return {
    backwardReads: { inputs: false, output: false },
    inPlace: true,
    gradientInPlace: true,
    create(site) {
      const { kernels, output, trains, outputGradient } = site;
      const x = site.inputs[0]?.at ?? 0;
      const [weight = 0] = site.parameters;
      const [into] = site.inputGradients;
      return {
        forward({ parameters, rows }) {
          if (x !== output.at) kernels.copy(x, output.at, rows * width);
          kernels.addBiasActivate(output.at, parameters + weight, rows, width, "identity");
        },
        backward({ gradient, rows }) {
          if (trains) kernels.sumRows(outputGradient, gradient + weight, rows, width);
          if (into !== undefined && into !== outputGradient) kernels.copy(outputGradient, into, rows * width);
        },
      };
    },
  };
}

export const positionalEmbedding: PrimitiveDefinition<PositionalEmbeddingLayer> = {
  kind: "primitive",
  schema: layerSchema("positional_embedding", {}),
  infer: (_layer, inputs) => inputOf(inputs),
  parameters(_layer, inputs) {
    const initial = { kind: "normal", deviation: embeddingDeviation } as const;
    return [{ name: "weight", shape: inputOf(inputs).shape, role: "embedding", initial }];
  },
  flops: (_layer, inputs) => elementsOf(inputOf(inputs).shape),
  stage: (_layer, inputs) => stageOf(inputs),
};
