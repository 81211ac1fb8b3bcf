/** How each primitive layer is written. */
import type { LayerSpec } from "../spec/model-spec.ts";
import { writeAttention } from "./write-attention.ts";
import { writeDense, writeEmbedding, writePositionalEmbedding } from "./write-dense.ts";
import { writeAveragePool, writeConvolution, writeGlobalAveragePool, writeMaxPool } from "./write-images.ts";
import type { LayerWriter } from "./write-layer.ts";
import { writeBatchNorm, writeLayerNorm, writeRmsNorm, writeSoftmax } from "./write-norms.ts";
import { writeActivationLayer, writeAdd, writeConcatenate, writeDropout, writeShape } from "./write-shapes.ts";

/** Composite layers are gone from a graph. */
type WriterTable = { readonly [T in LayerSpec["type"]]?: LayerWriter<Extract<LayerSpec, { readonly type: T }>> };

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
};

export function writerOf(layer: LayerSpec): LayerWriter<LayerSpec> | undefined {
  return writers[layer.type] as LayerWriter<LayerSpec> | undefined;
}
