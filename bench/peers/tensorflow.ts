/**
 * TensorFlow.js on its WebAssembly backend, with one thread: the part of its face that the benchmarks use. Its own types
 * cannot be imported, because the package is there only once a benchmark has installed it.
 */
import { createRequire } from "node:module";

export interface Tensor {
  readonly shape: readonly number[];
  dispose(): void;
  dataSync(): Float32Array;
  reshape(shape: readonly number[]): Tensor;
  transpose(axes?: readonly number[]): Tensor;
  add(other: Tensor): Tensor;
  sub(other: Tensor): Tensor;
  mul(other: Tensor): Tensor;
  mean(axis?: number, keepDims?: boolean): Tensor;
}

export interface FusedMatMul {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: Tensor;
  readonly activation?: string;
}

export interface TensorFlow {
  tensor(values: Float32Array | Int32Array, shape: readonly number[], type?: "float32" | "int32"): Tensor;
  scalar(value: number): Tensor;
  erf(x: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  readonly fused: { matMul(options: FusedMatMul): Tensor };
  conv2d(x: Tensor, filter: Tensor, strides: number, padding: number | "same" | "valid"): Tensor;
  maxPool(x: Tensor, size: number, strides: number, padding: number | "same" | "valid"): Tensor;
  softmax(x: Tensor, axis?: number): Tensor;
  exp(x: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
  relu(x: Tensor): Tensor;
  sum(x: Tensor): Tensor;
  topk(x: Tensor, k: number, sorted?: boolean): { readonly values: Tensor; readonly indices: Tensor };
  gather(x: Tensor, indices: Tensor): Tensor;
  addN(tensors: readonly Tensor[]): Tensor;
  tidy<T>(compute: () => T): T;
}

interface Backend {
  setThreadsCount(count: number): void;
}

type Starter = TensorFlow & { setBackend(name: string): Promise<boolean> };

/** @throws Error when the backend does not start */
export async function loadTensorFlow(): Promise<TensorFlow> {
  // A name in a variable: knip and tsc must not look for packages that a newcomer has not got.
  const load = createRequire(import.meta.url);
  const tensorFlow = load("@tensorflow/tfjs-core") as Starter;
  (load("@tensorflow/tfjs-backend-wasm") as Backend).setThreadsCount(1);
  if (!(await tensorFlow.setBackend("wasm"))) throw new Error("tfjs-backend-wasm does not start");
  return tensorFlow;
}
