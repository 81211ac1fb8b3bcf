/**
 * Fully connected layer on sparse rows: y = x·W + b, at the cost of the entries that there are.
 *
 * Backward:  dW[feature] = Σ value · dy[row], rows in their order; 0 for a feature that no row has;  db = Σ rows of dy.
 * Initial values: uniform in ±1/√active, PyTorch's bound for a row in which so many features are not 0.
 */
import * as z from "zod/mini";
import type { StageDefinition } from "../plan/stage.ts";
import { floatsOf, type ValueShape } from "../spec/value-shape.ts";
import type { LayerFields, ParameterDeclaration, PrimitiveDefinition } from "./layer-definition.ts";
import { booleanField, countField, layerSchema } from "./layer-schema.ts";
import { oneSparseInput, sparseRows } from "./sparse-input.ts";

/** `weight` is [features, outputs]: the row of a feature is what an embedding would hold. */
export interface SparseDenseLayer extends LayerFields {
  readonly type: "sparse_dense";
  readonly outputs: number;
  /** Default true. */
  readonly bias?: boolean | undefined;
}

function stageOf({ outputs, bias }: SparseDenseLayer, inputs: readonly ValueShape[]): StageDefinition {
  const { features } = oneSparseInput(inputs);
  const hasBias = bias !== false;
  return {
    backwardReads: { inputs: true, output: false },
    create({ kernels, inputs: [from], output, parameters: [weight = 0, biasAt = 0], trains, outputGradient }) {
      const [rowOffsets, indices, values] = sparseRows(from);
      return {
        forward({ parameters, rows }) {
          const level = hasBias ? parameters + biasAt : 0;
          kernels.sparseProduct(rowOffsets, indices, values, parameters + weight, level, output.at, rows, outputs);
        },
        backward({ gradient, rows }) {
          if (!trains) return;
          kernels.fill(gradient + weight, features * outputs, 0);
          kernels.sparseScatter(rowOffsets, indices, values, outputGradient, gradient + weight, rows, outputs);
          if (hasBias) kernels.sumRows(outputGradient, gradient + biasAt, rows, outputs);
        },
      };
    },
  };
}

export const sparseDense: PrimitiveDefinition<SparseDenseLayer> = {
  kind: "primitive",
  schema: layerSchema("sparse_dense", { outputs: countField, bias: z.optional(booleanField) }),
  infer(layer, inputs) {
    oneSparseInput(inputs);
    return floatsOf(layer.outputs);
  },
  parameters({ outputs, bias }, inputs) {
    const { features, active } = oneSparseInput(inputs);
    const initial = { kind: "uniform", bound: 1 / Math.sqrt(active) } as const;
    const weight: ParameterDeclaration = { name: "weight", shape: [features, outputs], role: "weight", initial };
    return bias === false ? [weight] : [weight, { name: "bias", shape: [outputs], role: "bias", initial }];
  },
  flops: ({ outputs, bias }, inputs) => (2 * oneSparseInput(inputs).active + (bias === false ? 0 : 1)) * outputs,
  stage: stageOf,
};
