/**
 * Transformer block with its norms before the branches, as in GPT-2 (Radford et al., 2019):
 * h = x + attention(norm(x)), y = h + down(f(up(norm(h)))).
 *
 * Weights are drawn with deviation 0.02 and biases start at 0, as there. GPT-2 divides the deviation of `proj` and `down`
 * by √(2·blocks); a block does not know how many there are, and for few blocks it changes little.
 */
import type { Activation } from "@shoal/kernels-wasm";
import type { LayerSpec } from "../spec/model-spec.ts";
import * as z from "zod/mini";
import { embeddingDeviation } from "./embedding.ts";
import type { CompositeDefinition, LayerFields } from "./layer-definition.ts";
import { activationField, booleanField, countField, layerSchema, rateField } from "./layer-schema.ts";
import { attentionLayers, widthForHeads } from "./self-attention.ts";

export interface TransformerBlockLayer extends LayerFields {
  readonly type: "transformer_block";
  readonly heads: number;
  /** Width of the hidden layer between `up` and `down`. Default 4 times the input's. */
  readonly hidden?: number | undefined;
  /** Of the hidden layer. Default gelu_tanh. */
  readonly activation?: Activation | undefined;
  /** Default layer_norm. */
  readonly norm?: "layer_norm" | "rms_norm" | undefined;
  /** Rate of a dropout at the end of each branch; default 0. */
  readonly dropout?: number | undefined;
  /** Whether a position sees only those up to its own. Default true. */
  readonly causal?: boolean | undefined;
}

function layersOf(layer: TransformerBlockLayer, width: number): readonly LayerSpec[] {
  const { hidden = 4 * width, activation = "gelu_tanh", norm = "layer_norm", dropout = 0 } = layer;
  const deviation = embeddingDeviation;
  const attended = attentionLayers(width, layer);
  const down: readonly LayerSpec[] = [
    { type: "dense", name: "up", outputs: hidden, activation, deviation },
    { type: "dense", name: "down", outputs: width, deviation },
    ...(dropout > 0 ? [{ type: "dropout", name: "down_dropout", rate: dropout } as const] : []),
  ];
  return [
    { type: norm, name: "ln1" },
    ...attended,
    { type: "add", name: "attended", from: ["^", attended.at(-1)?.name ?? ""] },
    { type: norm, name: "ln2" },
    ...down,
    { type: "add", name: "sum", from: ["attended", down.at(-1)?.name ?? ""] },
  ];
}

export const transformerBlock: CompositeDefinition<TransformerBlockLayer> = {
  kind: "composite",
  schema: layerSchema("transformer_block", {
    heads: countField,
    hidden: z.optional(countField),
    activation: z.optional(activationField),
    norm: z.optional(z.enum(["layer_norm", "rms_norm"], { error: "layer_norm or rms_norm" })),
    dropout: z.optional(rateField),
    causal: z.optional(booleanField),
  }),
  expand: (layer, inputs) => layersOf(layer, widthForHeads(layer.heads, inputs)),
};
