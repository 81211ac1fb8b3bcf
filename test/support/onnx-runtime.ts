/**
 * ONNX Runtime Web for the tests that run exported models. It is one of the benchmarks' peers and not part of a newcomer's
 * installation: the first test that wants it installs it.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { dependenciesAreInstalled, installDependencies } from "../../scripts/setup/dependencies.mjs";

export interface OnnxTensor {
  readonly data: Float32Array | Int32Array;
  readonly dims: readonly number[];
}

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface OnnxRuntime {
  readonly Tensor: new (type: "float32" | "int32", data: OnnxTensor["data"], dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: { readonly executionProviders: readonly string[] }): Promise<Session>;
  };
}

type Starter = OnnxRuntime & { readonly env: { logLevel: string; readonly wasm: { numThreads: number } } };

const folder = join(import.meta.dirname, "../../bench/peers");

/** @returns undefined, with a line that says why, when it cannot be installed; under CI that is an error */
export async function loadOnnxRuntime(): Promise<OnnxRuntime | undefined> {
  try {
    if (!dependenciesAreInstalled(folder)) await installDependencies(folder, (line) => console.warn(line));
  } catch (error) {
    if (process.env["CI"] !== undefined) throw error;
    console.warn(`exported models are not run: onnxruntime-web cannot be installed in bench/peers: ${String(error)}`);
    return undefined;
  }
  const runtime = createRequire(join(folder, "package.json"))("onnxruntime-web/wasm") as Starter;
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = "error";
  return runtime;
}

/** Runs a model once. */
export async function runOnnx(
  runtime: OnnxRuntime,
  model: Uint8Array,
  inputs: Readonly<Record<string, OnnxTensor>>,
): Promise<Readonly<Record<string, OnnxTensor>>> {
  const session = await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] });
  try {
    return await session.run(inputs);
  } finally {
    await session.release();
  }
}
