/** A model as data: what it computes, in order, and which losses it is trained with. Plain JSON, no code. */
import type { ActivationLayer } from "../layers/activation.ts";
import type { AddLayer } from "../layers/add.ts";
import type { ConcatenateLayer } from "../layers/concatenate.ts";
import type { DenseLayer } from "../layers/dense.ts";
import type { ResidualLayer } from "../layers/residual.ts";
import type { AveragePoolLayer } from "../layers/average-pool.ts";
import type { BatchNormLayer } from "../layers/batch-norm.ts";
import type { ConvolutionLayer } from "../layers/convolution.ts";
import type { FlattenLayer } from "../layers/flatten.ts";
import type { GlobalAveragePoolLayer } from "../layers/global-average-pool.ts";
import type { MaxPoolLayer } from "../layers/max-pool.ts";
import type { ReshapeLayer } from "../layers/reshape.ts";
import type { AttentionLayer } from "../layers/attention.ts";
import type { DropoutLayer } from "../layers/dropout.ts";
import type { EmbeddingLayer } from "../layers/embedding.ts";
import type { LayerNormLayer } from "../layers/layer-norm.ts";
import type { PositionalEmbeddingLayer } from "../layers/positional-embedding.ts";
import type { RmsNormLayer } from "../layers/rms-norm.ts";
import type { SelfAttentionLayer } from "../layers/self-attention.ts";
import type { SoftmaxLayer } from "../layers/softmax.ts";
import type { TransformerBlockLayer } from "../layers/transformer-block.ts";
import type { FactorPairsLayer } from "../layers/factor-pairs.ts";
import type { FactorizationMachineLayer } from "../layers/factorization-machine.ts";
import type { SparseDenseLayer } from "../layers/sparse-dense.ts";
import type { WideAndDeepLayer } from "../layers/wide-and-deep.ts";

export type {
  ActivationLayer,
  AddLayer,
  ConcatenateLayer,
  DenseLayer,
  ResidualLayer,
  AveragePoolLayer,
  BatchNormLayer,
  ConvolutionLayer,
  FlattenLayer,
  GlobalAveragePoolLayer,
  MaxPoolLayer,
  ReshapeLayer,
  AttentionLayer,
  DropoutLayer,
  EmbeddingLayer,
  LayerNormLayer,
  PositionalEmbeddingLayer,
  RmsNormLayer,
  SelfAttentionLayer,
  SoftmaxLayer,
  TransformerBlockLayer,
  SparseDenseLayer,
  FactorPairsLayer,
  FactorizationMachineLayer,
  WideAndDeepLayer,
};

export type LayerSpec =
  | DenseLayer
  | ActivationLayer
  | ResidualLayer
  | AddLayer
  | ConcatenateLayer
  | AveragePoolLayer
  | BatchNormLayer
  | ConvolutionLayer
  | FlattenLayer
  | GlobalAveragePoolLayer
  | MaxPoolLayer
  | ReshapeLayer
  | AttentionLayer
  | DropoutLayer
  | EmbeddingLayer
  | LayerNormLayer
  | PositionalEmbeddingLayer
  | RmsNormLayer
  | SelfAttentionLayer
  | SoftmaxLayer
  | TransformerBlockLayer
  | SparseDenseLayer
  | FactorPairsLayer
  | FactorizationMachineLayer
  | WideAndDeepLayer;

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

/**
 * Logits against a teacher's logits: T² · KL(teacher ‖ student) of both softmaxes at temperature T, mean over rows (Hinton,
 * Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015).
 */
export interface DistillationLoss {
  readonly type: "distillation";
  /** Default 1. */
  readonly temperature?: number | undefined;
  /**
   * A model file whose first output gives the logits for the same inputs, wherever workers find it. Without it the
   * data's targets are the logits.
   */
  readonly teacher?: string | undefined;
}

export type LossSpec =
  SoftmaxCrossEntropyLoss | BinaryCrossEntropyLoss | MeanSquaredErrorLoss | HuberLoss | DistillationLoss;

/** `weight` (default 1): its share of the sum that is trained. */
export type WeightedLossSpec = LossSpec & { readonly weight?: number | undefined };

/** Floats of this shape, without the batch axis. */
export interface FloatsInputSpec {
  readonly shape: readonly number[];
}

/** Rows of `tokens` numbers in [0, vocabulary). */
export interface TokensInputSpec {
  readonly tokens: number;
  readonly vocabulary: number;
}

/** Sparse rows of at most `active` of so many `features`. */
export interface SparseInputSpec {
  readonly features: number;
  readonly active: number;
}

export type InputSpec = FloatsInputSpec | TokensInputSpec | SparseInputSpec;

export interface ModelSpec {
  /**
   * One input, which is then called `input` (a number n is short for `{ shape: [n] }`), or several by their names.
   */
  readonly inputs: number | InputSpec | Readonly<Record<string, InputSpec>>;
  readonly layers: readonly LayerSpec[];
  /** Of the last layer's result, which is then the output `output`; or of several layers by their names. */
  readonly loss: LossSpec | Readonly<Record<string, WeightedLossSpec>>;
}
