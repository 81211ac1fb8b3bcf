/** All layers by their type. A new layer: its file, its interface in `LayerSpec`, a line here. */
import * as z from "zod/mini";
import { modelBounds } from "../spec/model-bounds.ts";
import type { LayerSpec } from "../spec/model-spec.ts";
import { activation } from "./activation.ts";
import { add } from "./add.ts";
import { concatenate } from "./concatenate.ts";
import { dense } from "./dense.ts";
import type { LayerDefinition } from "./layer-definition.ts";
import { residual } from "./residual.ts";
import { averagePool } from "./average-pool.ts";
import { batchNorm } from "./batch-norm.ts";
import { convolution } from "./convolution.ts";
import { flatten } from "./flatten.ts";
import { globalAveragePool } from "./global-average-pool.ts";
import { maxPool } from "./max-pool.ts";
import { reshape } from "./reshape.ts";
import { attention } from "./attention.ts";
import { dropout } from "./dropout.ts";
import { embedding } from "./embedding.ts";
import { layerNorm } from "./layer-norm.ts";
import { positionalEmbedding } from "./positional-embedding.ts";
import { rmsNorm } from "./rms-norm.ts";
import { selfAttention } from "./self-attention.ts";
import { softmax } from "./softmax.ts";
import { transformerBlock } from "./transformer-block.ts";
import { factorPairs } from "./factor-pairs.ts";
import { factorizationMachine } from "./factorization-machine.ts";
import { sparseDense } from "./sparse-dense.ts";
import { wideAndDeep } from "./wide-and-deep.ts";

type LayerTable = { readonly [T in LayerSpec["type"]]: LayerDefinition<Extract<LayerSpec, { readonly type: T }>> };

const layerTable: LayerTable = {
  dense,
  activation,
  residual,
  add,
  concatenate,
  convolution,
  max_pool: maxPool,
  average_pool: averagePool,
  global_average_pool: globalAveragePool,
  batch_norm: batchNorm,
  flatten,
  reshape,
  attention,
  dropout,
  embedding,
  layer_norm: layerNorm,
  positional_embedding: positionalEmbedding,
  rms_norm: rmsNorm,
  self_attention: selfAttention,
  softmax,
  transformer_block: transformerBlock,
  sparse_dense: sparseDense,
  factor_pairs: factorPairs,
  factorization_machine: factorizationMachine,
  wide_and_deep: wideAndDeep,
};

export function definitionOf(layer: LayerSpec): LayerDefinition<LayerSpec> {
  return layerTable[layer.type];
}

const layersWords = `a list of 1 to ${modelBounds.layers} layers`;

/** The schema of a list of layers; layers that hold layers use it again. */
export const layersSchema: z.ZodMiniType<readonly LayerSpec[]> = z
  .array(
    z.lazy(() => layerSchema),
    { error: layersWords },
  )
  .check(z.minLength(1, { error: layersWords }), z.maxLength(modelBounds.layers, { error: layersWords }));

type LayerOption = z.ZodMiniObject<{ readonly type: z.ZodMiniLiteral<string> }>;

const options = Object.values(layerTable).map(({ schema }) =>
  typeof schema === "function" ? schema(layersSchema) : schema,
) as unknown as [LayerOption, ...LayerOption[]];

const layerSchema = z.discriminatedUnion("type", options, {
  error: `one of ${Object.keys(layerTable).join(", ")}`,
}) as unknown as z.ZodMiniType<LayerSpec>;
