/**
 * TensorFlow.js on its WebAssembly backend, with one thread: the part of its face that the benchmarks use. Its own types
 * cannot be imported, because the package is there only once a benchmark has installed it.
 */
import { createRequire } from "node:module";
import { registerMissingKernels, type KernelRegistry } from "./missing-kernels.ts";

export interface Tensor {
  readonly shape: readonly number[];
  dispose(): void;
  data(): Promise<Float32Array>;
  dataSync(): Float32Array;
}

/** A tensor that an optimiser changes. */
export interface Variable extends Tensor {
  assign(value: Tensor): void;
}

interface FusedMatMul {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: Tensor;
  readonly activation?: string;
}

export interface Optimizer {
  /** One step; the loss as a scalar. */
  minimize(loss: () => Tensor, returnCost: true): Tensor;
}

export interface Layer {
  setWeights(weights: readonly Tensor[]): void;
}

type Loss = (targets: Tensor, predictions: Tensor) => Tensor;

export interface Sequential {
  compile(options: { readonly optimizer: Optimizer; readonly loss: Loss }): void;
  trainOnBatch(inputs: Tensor, targets: Tensor): Promise<number>;
}

/** The package of layers. */
export interface TensorFlowLayers {
  sequential(options: { readonly layers: readonly Layer[] }): Sequential;
  readonly layers: Readonly<
    Record<"dense" | "conv2d" | "maxPooling2d" | "flatten", (options: Readonly<Record<string, unknown>>) => Layer>
  >;
}

type Padding = number | "same" | "valid";

export interface TensorFlow {
  tensor(values: Float32Array | Int32Array, shape: readonly number[], type?: "float32" | "int32"): Tensor;
  scalar(value: number): Tensor;
  variable(initial: Tensor): Variable;
  cast(x: Tensor, type: "float32"): Tensor;
  oneHot(indices: Tensor, depth: number): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  transpose(x: Tensor, axes?: readonly number[]): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor): Tensor;
  mean(x: Tensor, axis?: number, keepDimensions?: boolean): Tensor;
  square(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  split(x: Tensor, parts: number, axis?: number): readonly Tensor[];
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  conv2d(x: Tensor, filter: Tensor, strides: number, padding: Padding): Tensor;
  conv2dTranspose(x: Tensor, filter: Tensor, outputShape: readonly number[], strides: number, padding: Padding): Tensor;
  maxPool(x: Tensor, size: number, strides: number, padding: Padding): Tensor;
  softmax(x: Tensor, axis?: number): Tensor;
  tanh(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
  relu(x: Tensor): Tensor;
  sum(x: Tensor): Tensor;
  topk(x: Tensor, k: number, sorted?: boolean): { readonly values: Tensor; readonly indices: Tensor };
  gather(x: Tensor, indices: Tensor): Tensor;
  tidy<T>(compute: () => T): T;
  readonly fused: { matMul(options: FusedMatMul): Tensor };
  readonly losses: { softmaxCrossEntropy: Loss };
  readonly train: { sgd(learningRate: number): Optimizer };
  readonly own: TensorFlowLayers;
}

type Core = Omit<TensorFlow, "own"> & KernelRegistry & { setBackend(name: string): Promise<boolean> };

/** @throws Error when the backend does not start */
export async function loadTensorFlow(): Promise<TensorFlow> {
  const load = createRequire(import.meta.url);
  const core = load("@tensorflow/tfjs-core") as Core;
  const backend = load("@tensorflow/tfjs-backend-wasm") as { setThreadsCount(count: number): void };
  const own = load("@tensorflow/tfjs-layers") as TensorFlowLayers;
  backend.setThreadsCount(1);
  if (!(await core.setBackend("wasm"))) throw new Error("tfjs-backend-wasm does not start");
  const library = { ...core, own };
  registerMissingKernels(library);
  return library;
}
