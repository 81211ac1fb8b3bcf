/** A model as data: what it computes, in order, and which loss it is trained with. Plain JSON, no code. */
import type { Activation } from "@shoal/kernels-wasm";

/** `y = activation(x · weightᵀ + bias)`; weight is [outputs, inputs], row-major, as in PyTorch's `Linear`. */
export interface DenseLayer {
  readonly type: "dense";
  readonly outputs: number;
  /** Fused into the layer; default `identity`. */
  readonly activation?: Activation | undefined;
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Takes the place of the layer's index in the names of its parameters. */
  readonly name?: string | undefined;
}

/** An element-wise function as a layer of its own, so that indices match PyTorch's `Sequential`. */
export interface ActivationLayer {
  readonly type: "activation";
  readonly function: Activation;
}

export type LayerSpec = DenseLayer | ActivationLayer;

/** Logits against class labels; `smoothing` in [0, 1) as PyTorch's `label_smoothing`. */
export interface SoftmaxCrossEntropyLoss {
  readonly type: "softmax_cross_entropy";
  readonly smoothing?: number | undefined;
}

/** Logits against targets in [0, 1], mean over all elements. */
export interface BinaryCrossEntropyLoss {
  readonly type: "binary_cross_entropy";
}

export interface MeanSquaredErrorLoss {
  readonly type: "mean_squared_error";
}

/** Quadratic up to `delta` (default 1), linear beyond. */
export interface HuberLoss {
  readonly type: "huber";
  readonly delta?: number | undefined;
}

export type LossSpec = SoftmaxCrossEntropyLoss | BinaryCrossEntropyLoss | MeanSquaredErrorLoss | HuberLoss;

export interface ModelSpec {
  /** Features of one sample. */
  readonly inputs: number;
  readonly layers: readonly LayerSpec[];
  readonly loss: LossSpec;
}

/** Values of one output row; the width of the last dense layer. */
export function outputsOf(spec: ModelSpec): number {
  return spec.layers.reduce((width, layer) => (layer.type === "dense" ? layer.outputs : width), spec.inputs);
}
