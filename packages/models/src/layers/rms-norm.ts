/**
 * RMS norm over the last axis: y = x/√(mean of x² + epsilon) ⊙ weight (Zhang and Sennrich, NeurIPS 2019). What it keeps
 * for the backward pass is 1/√(…) of each row; formulas of the gradients stand with the kernel.
 */
import * as z from "zod/mini";
import type { StageDefinition } from "../plan/stage.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";
import type { LayerFields, PrimitiveDefinition } from "./layer-definition.ts";
import { layerSchema, positiveField } from "./layer-schema.ts";
import { lastAxisOf, oneFloatsInput } from "./one-input.ts";

export interface RmsNormLayer extends LayerFields {
  readonly type: "rms_norm";
  /** Default 1e-6. */
  readonly epsilon?: number | undefined;
}

const floatBytes = 4;
const defaultEpsilon = 1e-6;

function stageOf({ epsilon = defaultEpsilon }: RmsNormLayer, inputs: readonly ValueShape[]): StageDefinition {
  const input = oneFloatsInput(inputs);
  const columns = lastAxisOf(input);
  const positions = elementsOf(input.shape) / columns;
  return {
    keeps: (rows) => [rows * positions * floatBytes],
    backwardReads: { inputs: true, output: false },
    gradientInPlace: true,
    create({ kernels, inputs: [from], output, parameters: places, keeps, trains, outputGradient, inputGradients }) {
      const x = from?.at ?? 0;
      const y = output.at;
      const [weight = 0] = places;
      const [inverses = 0] = keeps;
      const dx = inputGradients[0] ?? 0;
      return {
        forward({ parameters, rows }) {
          kernels.rmsNorm(x, parameters + weight, y, inverses, rows * positions, columns, epsilon);
        },
        backward({ parameters, gradient, rows }) {
          const w = parameters + weight;
          const dW = trains ? gradient + weight : 0;
          kernels.rmsNormGradient(x, w, inverses, outputGradient, dx, dW, rows * positions, columns);
        },
      };
    },
  };
}

/** Operations for each element: mean of squares 2, scale and weight 2. */
const flopsPerElement = 4;

export const rmsNorm: PrimitiveDefinition<RmsNormLayer> = {
  kind: "primitive",
  schema: layerSchema("rms_norm", { epsilon: z.optional(positiveField) }),
  infer(_layer, inputs) {
    const input = oneFloatsInput(inputs);
    lastAxisOf(input);
    return input;
  },
  parameters(_layer, inputs) {
    const shape = [lastAxisOf(oneFloatsInput(inputs))];
    return [{ name: "weight", shape, role: "norm", initial: { kind: "constant", value: 1 } }];
  },
  flops: (_layer, inputs) => flopsPerElement * elementsOf(oneFloatsInput(inputs).shape),
  stage: stageOf,
};
