/**
 * Brings the libraries that Shoal is measured against. They are a package of their own, installed by the first benchmark
 * that wants them: nobody else has to fetch their 240 MB.
 */
import { dependenciesAreInstalled, installDependencies } from "../../scripts/setup/dependencies.mjs";
import { loadOnnx, type Onnx } from "./onnx.ts";
import { loadTensorFlow, type TensorFlow } from "./tensorflow.ts";

/** The peers, or why there are none: the benchmark then has rows without them. */
export type Peers =
  | { readonly kind: "ready"; readonly tensorFlow: TensorFlow; readonly onnx: Onnx }
  | { readonly kind: "missing"; readonly reason: string };

/** Installs the peers where they are missing (a minute, once) and loads them, each with one thread. */
export async function preparePeers(say: (line: string) => void): Promise<Peers> {
  try {
    if (!dependenciesAreInstalled(import.meta.dirname)) {
      say("fetching the peers (tfjs-backend-wasm, onnxruntime-web) into bench/peers, once");
      await installDependencies(import.meta.dirname, say);
    }
    return { kind: "ready", tensorFlow: await loadTensorFlow(), onnx: loadOnnx() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(`no peers to compare with: ${reason}`);
    return { kind: "missing", reason };
  }
}
