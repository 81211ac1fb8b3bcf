/**
 * Embedding: each token becomes its row of the weight [vocabulary, width]; the gradient of a row is the sum of those of
 * its tokens, added in the order of the batch.
 */
import type { StageDefinition } from "../plan/stage.ts";
import { describeShape, elementsOf, type TokensShape, type ValueShape } from "../spec/value-shape.ts";
import { LayerComplaint, type LayerFields, type PrimitiveDefinition } from "./layer-definition.ts";
import { countField, layerSchema } from "./layer-schema.ts";
import { oneInput } from "./one-input.ts";

/** Turns tokens [positions] into numbers [positions, width]. */
export interface EmbeddingLayer extends LayerFields {
  readonly type: "embedding";
  readonly width: number;
}

/**
 * GPT-2's. PyTorch's deviation of 1 would drown the embedding of the position, which is added, and make the first
 * residual branches of a transformer count for nothing.
 */
export const embeddingDeviation = 0.02;

function tokensOf(inputs: readonly ValueShape[]): TokensShape {
  const input = oneInput(inputs);
  if (input.kind !== "tokens") throw new LayerComplaint(`expects tokens, gets ${describeShape(input)}`);
  return input;
}

function stageOf({ width }: EmbeddingLayer, inputs: readonly ValueShape[]): StageDefinition {
  const { shape, vocabulary } = tokensOf(inputs);
  const positions = elementsOf(shape);
  return {
    backwardReads: { inputs: true, output: false },
    create({ kernels, inputs: [from], output, parameters: [weight = 0], trains, outputGradient }) {
      const tokens = from?.at ?? 0;
      return {
        forward: ({ parameters, rows }) =>
          kernels.gatherRows(tokens, parameters + weight, output.at, rows * positions, width),
        backward({ gradient, rows }) {
          if (!trains) return;
          kernels.fill(gradient + weight, vocabulary * width, 0);
          kernels.scatterAddRows(tokens, outputGradient, gradient + weight, rows * positions, width);
        },
      };
    },
  };
}

export const embedding: PrimitiveDefinition<EmbeddingLayer> = {
  kind: "primitive",
  schema: layerSchema("embedding", { width: countField }),
  infer: ({ width }, inputs) => ({ kind: "floats", shape: [...tokensOf(inputs).shape, width] }),
  parameters({ width }, inputs) {
    const initial = { kind: "normal", deviation: embeddingDeviation } as const;
    return [{ name: "weight", shape: [tokensOf(inputs).vocabulary, width], role: "embedding", initial }];
  },
  flops: () => 0,
  stage: stageOf,
};
