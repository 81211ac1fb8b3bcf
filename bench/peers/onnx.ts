/** ONNX Runtime Web on its WebAssembly provider, with one thread: the part of its face that the benchmarks use. */
import { createRequire } from "node:module";

export interface OnnxTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export interface OnnxSession {
  run(inputs: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface Onnx {
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: { readonly executionProviders: readonly string[] }): Promise<OnnxSession>;
  };
}

type Starter = Onnx & { readonly env: { logLevel: string; readonly wasm: { numThreads: number; proxy: boolean } } };

export function loadOnnx(): Onnx {
  const load = createRequire(import.meta.url);
  const onnx = load("onnxruntime-web/wasm") as Starter;
  onnx.env.wasm.numThreads = 1;
  onnx.env.wasm.proxy = false;
  onnx.env.logLevel = "error";
  return onnx;
}
