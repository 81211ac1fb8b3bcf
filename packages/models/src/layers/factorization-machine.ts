/**
 * Factorisation machine (Rendle, ICDM 2010): y = b + ⟨w, x⟩ + Σ_{i<j} ⟨v_i, v_j⟩ x_i x_j, one number for a sparse row.
 */
import type { CompositeDefinition, LayerFields } from "./layer-definition.ts";
import { countField, layerSchema } from "./layer-schema.ts";
import { oneSparseInput } from "./sparse-input.ts";

export interface FactorizationMachineLayer extends LayerFields {
  readonly type: "factorization_machine";
  /** Elements of each feature's factor v. */
  readonly factors: number;
}

export const factorizationMachine: CompositeDefinition<FactorizationMachineLayer> = {
  kind: "composite",
  schema: layerSchema("factorization_machine", { factors: countField }),
  expand({ factors }, inputs) {
    oneSparseInput(inputs);
    return [
      { type: "sparse_dense", name: "linear", outputs: 1, from: "^" },
      { type: "factor_pairs", name: "pairs", factors, from: "^" },
      { type: "add", name: "sum", from: ["linear", "pairs"] },
    ];
  },
};
