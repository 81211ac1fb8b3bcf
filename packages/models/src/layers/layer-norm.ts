/**
 * Layer norm over the last axis: y = (x − μ)/√(variance + epsilon) ⊙ weight + bias (Ba, Kiros and Hinton, 2016). What it
 * keeps for the backward pass is μ and 1/√(…) of each row; formulas of the gradients stand with the kernel.
 */
import * as z from "zod/mini";
import type { StageDefinition } from "../plan/stage.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { LayerFields, ParameterDeclaration, PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema, positiveField } from "./layer-schema.ts";
import { lastAxisOf, oneFloatsInput } from "./one-input.ts";

export interface LayerNormLayer extends LayerFields {
  readonly type: "layer_norm";
  /** Default 1e-5, as in PyTorch. */
  readonly epsilon?: number | undefined;
}

const floatBytes = 4;
const defaultEpsilon = 1e-5;

function parametersOf(inputs: readonly ValueShape[]): readonly ParameterDeclaration[] {
  const shape = [lastAxisOf(oneFloatsInput(inputs))];
  return [
    { name: "weight", shape, role: "norm", initial: { kind: "constant", value: 1 } },
    { name: "bias", shape, role: "norm", initial: { kind: "constant", value: 0 } },
  ];
}

function stageOf({ epsilon = defaultEpsilon }: LayerNormLayer, inputs: readonly ValueShape[]): StageDefinition {
  const input = oneFloatsInput(inputs);
  const columns = lastAxisOf(input);
  const positions = elementsOf(input.shape) / columns;
  return {
    keeps: (rows) => [rows * positions * floatBytes, rows * positions * floatBytes],
    backwardReads: { inputs: true, output: false },
    gradientInPlace: true,
    create({ kernels, inputs: [from], output, parameters: places, keeps, trains, outputGradient, inputGradients }) {
      const x = from?.at ?? 0;
      const y = output.at;
      const [weight = 0, bias = 0] = places;
      const [means = 0, inverses = 0] = keeps;
      const dx = inputGradients[0] ?? 0;
      return {
        forward({ parameters, rows }) {
          const [w, b] = [parameters + weight, parameters + bias];
          kernels.layerNorm(x, w, b, y, means, inverses, rows * positions, columns, epsilon);
        },
        backward({ parameters, gradient, rows }) {
          const w = parameters + weight;
          const [dW, dB] = trains ? [gradient + weight, gradient + bias] : [0, 0];
          const count = rows * positions;
          kernels.layerNormGradient(x, w, means, inverses, outputGradient, dx, dW, dB, count, columns);
        },
      };
    },
  };
}

/** Operations for each element: mean 1, variance 3, centring, scale, weight and bias 4. */
const flopsPerElement = 8;

export const layerNorm: PrimitiveDefinition<LayerNormLayer> = {
  kind: "primitive",
  schema: layerSchema("layer_norm", { epsilon: z.optional(positiveField) }),
  infer(_layer, inputs) {
    const input = oneFloatsInput(inputs);
    lastAxisOf(input);
    return input;
  },
  parameters: (_layer, inputs) => parametersOf(inputs),
  flops: (_layer, inputs) => flopsPerElement * elementsOf(oneFloatsInput(inputs).shape),
  stage: stageOf,
};
