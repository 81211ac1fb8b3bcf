/**
 * Wide and deep (Cheng et al., DLRS 2016): a linear model of a sparse row beside a network on the sum of its features'
 * embeddings; their results are added.
 */
import * as z from "zod/mini";
import type { LayerSpec } from "../spec/model-spec.ts";
import type { CompositeDefinition, LayerFields } from "./layer-definition.ts";
import { countField, layerSchema } from "./layer-schema.ts";
import { oneSparseInput } from "./sparse-input.ts";

export interface WideAndDeepLayer extends LayerFields {
  readonly type: "wide_and_deep";
  /** Elements of a feature's embedding. */
  readonly width: number;
  /** Widths of the network's hidden layers, each with a ReLU. */
  readonly hidden: readonly number[];
  /** Default 1. */
  readonly outputs?: number | undefined;
}

const hiddenLimit = 64;
const hiddenWords = `a list of up to ${hiddenLimit} widths`;

export const wideAndDeep: CompositeDefinition<WideAndDeepLayer> = {
  kind: "composite",
  schema: layerSchema("wide_and_deep", {
    width: countField,
    hidden: z.array(countField, { error: hiddenWords }).check(z.maxLength(hiddenLimit, { error: hiddenWords })),
    outputs: z.optional(countField),
  }),
  expand({ width, hidden, outputs = 1 }, inputs) {
    oneSparseInput(inputs);
    const layers: readonly LayerSpec[] = hidden.map((units, index) => {
      return { type: "dense", name: `deep.${index}`, outputs: units, activation: "relu" };
    });
    return [
      { type: "sparse_dense", name: "wide", outputs, from: "^" },
      { type: "sparse_dense", name: "embedding", outputs: width, from: "^" },
      { type: "activation", name: "embedded", function: "relu" },
      ...layers,
      { type: "dense", name: "deep", outputs },
      { type: "add", name: "sum", from: ["wide", "deep"] },
    ];
  },
};
