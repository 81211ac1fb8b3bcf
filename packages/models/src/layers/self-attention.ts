/**
 * Self-attention as in GPT-2: one dense layer `qkv` makes queries, keys and values of [positions, width], attention mixes
 * the positions, a second one (`proj`) makes of its heads what the layer gives.
 */
import * as z from "zod/mini";
import type { LayerSpec } from "../spec/model-spec.ts";
import { describeShape, type ValueShape } from "../spec/value-shape.ts";
import { embeddingDeviation } from "./embedding.ts";
import { LayerComplaint, type CompositeDefinition, type LayerFields } from "./layer-definition.ts";
import { booleanField, countField, layerSchema, rateField } from "./layer-schema.ts";
import { oneFloatsInput } from "./one-input.ts";

export interface SelfAttentionLayer extends LayerFields {
  readonly type: "self_attention";
  readonly heads: number;
  /** Whether a position sees only those up to its own. Default true. */
  readonly causal?: boolean | undefined;
  /** Rate of a dropout on the result; default 0. */
  readonly dropout?: number | undefined;
}

/** @throws LayerComplaint when the input is not positions×width with a width that the heads divide */
export function widthForHeads(heads: number, inputs: readonly ValueShape[]): number {
  const input = oneFloatsInput(inputs);
  const width = input.shape[1];
  if (width === undefined || input.shape.length !== 2 || width % heads !== 0) {
    throw new LayerComplaint(
      `expects positions×width with a width that ${heads} divides, gets ${describeShape(input)}`,
    );
  }
  return width;
}

/** The layers of self-attention, for those who have more around it; `from` of the first is left to them. */
export function attentionLayers(
  width: number,
  { heads, causal, dropout = 0 }: Pick<SelfAttentionLayer, "heads" | "causal" | "dropout">,
): readonly LayerSpec[] {
  const deviation = embeddingDeviation;
  const layers: readonly LayerSpec[] = [
    { type: "dense", name: "qkv", outputs: 3 * width, deviation },
    { type: "attention", name: "attention", heads, causal },
    { type: "dense", name: "proj", outputs: width, deviation },
  ];
  return dropout > 0 ? [...layers, { type: "dropout", name: "proj_dropout", rate: dropout }] : layers;
}

export const selfAttention: CompositeDefinition<SelfAttentionLayer> = {
  kind: "composite",
  schema: layerSchema("self_attention", {
    heads: countField,
    causal: z.optional(booleanField),
    dropout: z.optional(rateField),
  }),
  expand: (layer, inputs) => attentionLayers(widthForHeads(layer.heads, inputs), layer),
};
