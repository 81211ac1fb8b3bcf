/** How each primitive layer is written. */
import type { LayerSpec } from "../spec/model-spec.ts";
import { writeAttention } from "./write-attention.ts";
import { writeDense, writeEmbedding, writePositionalEmbedding } from "./write-dense.ts";
import { writeAveragePool, writeConvolution, writeGlobalAveragePool, writeMaxPool } from "./write-images.ts";
import type { LayerWriter } from "./write-layer.ts";
import { writeBatchNorm, writeLayerNorm, writeRmsNorm, writeSoftmax } from "./write-norms.ts";
import { writeFactorPairs, writeSparseDense } from "./write-sparse.ts";
import { writeActivationLayer, writeAdd, writeConcatenate, writeDropout, writeShape } from "./write-shapes.ts";

/** They stand for other layers and are gone from a graph. */
type CompositeType = "residual" | "self_attention" | "transformer_block" | "factorization_machine" | "wide_and_deep";

type WriterTable = {
  readonly [T in Exclude<LayerSpec["type"], CompositeType>]: LayerWriter<Extract<LayerSpec, { readonly type: T }>>;
};

const writers: WriterTable = {
  dense: writeDense,
  activation: writeActivationLayer,
  add: writeAdd,
  concatenate: writeConcatenate,
  convolution: writeConvolution,
  max_pool: writeMaxPool,
  average_pool: writeAveragePool,
  global_average_pool: writeGlobalAveragePool,
  batch_norm: writeBatchNorm,
  flatten: writeShape,
  reshape: writeShape,
  attention: writeAttention,
  dropout: writeDropout,
  embedding: writeEmbedding,
  positional_embedding: writePositionalEmbedding,
  layer_norm: writeLayerNorm,
  rms_norm: writeRmsNorm,
  softmax: writeSoftmax,
  sparse_dense: writeSparseDense,
  factor_pairs: writeFactorPairs,
};

/** @param layer a primitive one: every layer of a graph is */
export function writerOf(layer: LayerSpec): LayerWriter<LayerSpec> {
  const table: Readonly<Record<string, unknown>> = writers;
  return table[layer.type] as LayerWriter<LayerSpec>;
}
