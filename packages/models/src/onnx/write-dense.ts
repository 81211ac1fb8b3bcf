/** Dense layers and what reads tokens. */
import type { DenseLayer } from "../layers/dense.ts";
import type { EmbeddingLayer } from "../layers/embedding.ts";
import type { PositionalEmbeddingLayer } from "../layers/positional-embedding.ts";
import { writeActivation } from "./write-activation.ts";
import { axesOfValue, firstInput, type LayerWriter } from "./write-layer.ts";

export const writeDense: LayerWriter<DenseLayer> = (layer, site) => {
  const { list, parameters, shapes } = site;
  const [weight = "", ...bias] = parameters;
  const x = firstInput(site);
  if (axesOfValue(shapes[0]).length === 1) {
    return writeActivation(list, list.add("Gemm", [x, weight, ...bias], { transB: 1 }), layer.activation);
  }
  const product = list.add("MatMul", [x, list.add("Transpose", [weight], { perm: [1, 0] })]);
  const sum = bias.length === 0 ? product : list.add("Add", [product, ...bias]);
  return writeActivation(list, sum, layer.activation);
};

export const writeEmbedding: LayerWriter<EmbeddingLayer> = (_layer, site) =>
  site.list.add("Gather", [...site.parameters, firstInput(site)], { axis: 0 });

export const writePositionalEmbedding: LayerWriter<PositionalEmbeddingLayer> = (_layer, site) =>
  site.list.add("Add", [firstInput(site), ...site.parameters]);
