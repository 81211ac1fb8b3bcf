/** Models with each layer, of random sizes: what is written as ONNX must compute the same everywhere. */
import type { Activation } from "@shoal/kernels-wasm";
import type { InputSpec, LayerSpec, ModelSpec } from "@shoal/models";

/** A whole number between two, both included. */
export type Pick = (least: number, most: number) => number;

export interface ModelCase {
  readonly name: string;
  readonly model: (pick: Pick) => ModelSpec;
}

const loss = { type: "mean_squared_error" } as const;
const chain = (inputs: number | InputSpec, ...layers: readonly LayerSpec[]): ModelSpec => ({ inputs, layers, loss });
const image = (pick: Pick): InputSpec => ({ shape: [pick(1, 4), pick(6, 11), pick(6, 11)] });
const rows = (pick: Pick): InputSpec => ({ shape: [pick(1, 7), pick(1, 33)] });
const dense = (outputs: number): LayerSpec => ({ type: "dense", outputs });

const activations: readonly Activation[] = [
  "identity",
  "relu",
  "leaky_relu",
  "tanh",
  "sigmoid",
  "gelu",
  "gelu_tanh",
  "silu",
  "softplus",
];

export const layerCases: readonly ModelCase[] = [
  ...activations.map((activation): ModelCase => ({
    name: `dense with ${activation}`,
    model: (pick) => chain(pick(1, 40), { type: "dense", outputs: pick(1, 20), activation }),
  })),
  {
    name: "dense without bias, on rows",
    model: (pick) => chain(rows(pick), { type: "dense", outputs: pick(1, 9), bias: false }, dense(3)),
  },
  {
    name: "activation",
    model: (pick) => chain(rows(pick), dense(pick(1, 9)), { type: "activation", function: "gelu" }),
  },
  {
    name: "residual and add",
    model: (pick) => {
      const width = pick(1, 30);
      return chain(width, { type: "residual", layers: [dense(7), dense(width)] });
    },
  },
  {
    name: "concatenate",
    model: (pick) =>
      chain(
        pick(1, 9),
        { ...dense(pick(1, 5)), name: "a" },
        { ...dense(pick(1, 5)), name: "b", from: "input" },
        { type: "concatenate", from: ["a", "input", "b"] },
      ),
  },
  {
    name: "convolution",
    model: (pick) =>
      chain(image(pick), {
        type: "convolution",
        filters: pick(1, 6),
        kernel: [pick(1, 5), pick(1, 5)],
        stride: [pick(1, 3), pick(1, 3)],
        padding: [pick(0, 2), pick(0, 2)],
        activation: "relu",
      }),
  },
  {
    name: "convolution without bias",
    model: (pick) => chain(image(pick), { type: "convolution", filters: 3, kernel: pick(1, 4), bias: false }),
  },
  ...(["max_pool", "average_pool"] as const).map((type): ModelCase => ({
    name: type,
    model: (pick) =>
      chain(
        image(pick),
        { type: "convolution", filters: 2, kernel: 1 },
        { type, kernel: [pick(1, 4), pick(1, 4)], stride: pick(1, 3) },
        { type, kernel: pick(1, 2) },
      ),
  })),
  {
    name: "global_average_pool",
    model: (pick) => chain(image(pick), { type: "global_average_pool" }, dense(pick(1, 5))),
  },
  {
    name: "batch_norm of images",
    model: (pick) => chain(image(pick), { type: "batch_norm", epsilon: 1e-3 }),
  },
  { name: "batch_norm of rows", model: (pick) => chain(pick(1, 20), { type: "batch_norm" }) },
  { name: "layer_norm", model: (pick) => chain({ shape: [pick(1, 5), pick(4, 40)] }, { type: "layer_norm" }) },
  { name: "rms_norm", model: (pick) => chain({ shape: [pick(1, 5), pick(4, 40)] }, { type: "rms_norm" }) },
  { name: "softmax", model: (pick) => chain(rows(pick), dense(pick(2, 9)), { type: "softmax" }) },
  { name: "dropout", model: (pick) => chain(pick(1, 9), dense(pick(2, 9)), { type: "dropout", rate: 0.5 }) },
  { name: "flatten", model: (pick) => chain(image(pick), { type: "flatten" }, dense(3)) },
  {
    name: "reshape",
    model: (pick) => {
      const [height, width] = [pick(1, 6), pick(1, 6)];
      return chain(2 * height * width, { type: "reshape", shape: [2, height, width] }, dense(4));
    },
  },
  {
    name: "embedding and positional_embedding",
    model: (pick) =>
      chain(
        { tokens: pick(1, 9), vocabulary: pick(2, 30) },
        { type: "embedding", width: pick(1, 20) },
        { type: "positional_embedding" },
      ),
  },
  ...[true, false].map((causal): ModelCase => ({
    name: `attention, ${causal ? "causal" : "full"}`,
    model: (pick) => {
      const [heads, headWidth] = [pick(1, 4), pick(1, 9)];
      return chain({ shape: [pick(1, 12), heads * headWidth] }, { type: "self_attention", heads, causal });
    },
  })),
  {
    name: "sparse_dense",
    model: (pick) => {
      const features = pick(2, 20);
      return chain({ features, active: pick(1, features) }, { type: "sparse_dense", outputs: pick(1, 5), bias: false });
    },
  },
  {
    name: "factorization_machine",
    model: (pick) =>
      chain({ features: pick(2, 20), active: 9 }, { type: "factorization_machine", factors: pick(1, 8) }),
  },
  {
    name: "wide_and_deep",
    model: (pick) => chain({ features: 12, active: 6 }, { type: "wide_and_deep", width: pick(1, 6), hidden: [5, 4] }),
  },
  {
    name: "transformer_block with rms_norm",
    model: (pick) => chain({ shape: [pick(1, 9), 12] }, { type: "transformer_block", heads: 3, norm: "rms_norm" }),
  },
];

export const modelCases: readonly ModelCase[] = [
  {
    name: "an MLP",
    model: () => ({
      inputs: 784,
      layers: [
        { type: "dense", outputs: 256, activation: "relu" },
        { type: "dense", outputs: 128, activation: "relu" },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    }),
  },
  {
    name: "a CNN",
    model: () => ({
      inputs: { shape: [1, 28, 28] },
      layers: [
        { type: "convolution", filters: 8, kernel: 5, activation: "relu" },
        { type: "max_pool", kernel: 2 },
        { type: "convolution", filters: 16, kernel: 5 },
        { type: "batch_norm" },
        { type: "activation", function: "relu" },
        { type: "max_pool", kernel: 2 },
        { type: "flatten" },
        { type: "dense", outputs: 64, activation: "relu" },
        { type: "dropout", rate: 0.5 },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    }),
  },
  {
    name: "a GPT",
    model: () => ({
      inputs: { tokens: 32, vocabulary: 65 },
      layers: [
        { type: "embedding", width: 64 },
        { type: "positional_embedding" },
        { type: "transformer_block", heads: 4 },
        { type: "transformer_block", heads: 4 },
        { type: "layer_norm" },
        { type: "dense", outputs: 65, bias: false },
      ],
      loss: { type: "softmax_cross_entropy" },
    }),
  },
  {
    name: "several inputs and outputs",
    model: () => ({
      inputs: { left: { shape: [5] }, right: { shape: [3, 2] } },
      layers: [
        { type: "dense", outputs: 4, name: "one", from: "left" },
        { type: "flatten", name: "flat", from: "right" },
        { type: "dense", outputs: 2, name: "two", from: "flat" },
        { type: "concatenate", name: "both", from: ["one", "two"] },
        { type: "dense", outputs: 3, name: "three", from: "both" },
      ],
      loss: { three: { type: "softmax_cross_entropy" }, two: { type: "mean_squared_error", weight: 0.5 } },
    }),
  },
];
