/**
 * The second-order term of a factorisation machine (Rendle, ICDM 2010), in time linear in the entries:
 *
 *   y = Σ_{i<j} ⟨v_i, v_j⟩ x_i x_j = ½ Σ_f (s_f² − Σ_i v_if² x_i²)   with   s_f = Σ_i v_if x_i
 *   dv_if = dy · x_i (s_f − v_if x_i)
 */
import type { StageDefinition } from "../plan/stage.ts";
import { floatsOf, type ValueShape } from "../spec/value-shape.ts";
import type { LayerFields, PrimitiveDefinition } from "./layer-definition.ts";
import { countField, layerSchema } from "./layer-schema.ts";
import { oneSparseInput, sparseRows } from "./sparse-input.ts";

/** Sparse rows become one number each. The parameter `factors` is [features, factors]. */
export interface FactorPairsLayer extends LayerFields {
  readonly type: "factor_pairs";
  readonly factors: number;
}

const floatBytes = 4;
/** Small, so that the linear term leads at first; not 0, where the gradient would be 0 for ever. */
const initialDeviation = 0.01;

function stageOf({ factors }: FactorPairsLayer, inputs: readonly ValueShape[]): StageDefinition {
  const { features } = oneSparseInput(inputs);
  return {
    keeps: (rows) => [rows * factors * floatBytes],
    keepsActivations: true,
    backwardReads: { inputs: true, output: false },
    create({ kernels, inputs: [from], output, parameters: [at = 0], keeps: [sums = 0], trains, outputGradient }) {
      const [rowOffsets, indices, values] = sparseRows(from);
      return {
        forward({ parameters, rows }) {
          const table = parameters + at;
          kernels.sparseProduct(rowOffsets, indices, values, table, 0, sums, rows, factors);
          kernels.factorPairs(rowOffsets, indices, values, table, sums, output.at, rows, factors);
        },
        backward({ parameters, gradient, rows }) {
          if (!trains) return;
          const [table, into] = [parameters + at, gradient + at];
          kernels.fill(into, features * factors, 0);
          kernels.factorPairsGradient(rowOffsets, indices, values, table, sums, outputGradient, into, rows, factors);
        },
      };
    },
  };
}

export const factorPairs: PrimitiveDefinition<FactorPairsLayer> = {
  kind: "primitive",
  schema: layerSchema("factor_pairs", { factors: countField }),
  infer(_layer, inputs) {
    oneSparseInput(inputs);
    return floatsOf(1);
  },
  parameters({ factors }, inputs) {
    const initial = { kind: "normal", deviation: initialDeviation } as const;
    return [{ name: "factors", shape: [oneSparseInput(inputs).features, factors], role: "embedding", initial }];
  },
  flops: ({ factors }, inputs) => (5 * oneSparseInput(inputs).active + 3) * factors,
  stage: stageOf,
};
