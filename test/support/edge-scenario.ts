/** One local training on generated digits, for Node and for the page alike. */
import { createEdgeTrainer, type EdgeUpdate } from "@shoal/edge-client";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { generateDigits, initializeParameters, parseModelSpec, type ModelSpec } from "@shoal/models";

export const edgeModel: ModelSpec = parseModelSpec({
  inputs: 784,
  layers: [
    { type: "dense", outputs: 32, activation: "tanh" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
});

/**
 * What the training must come to on the baseline kernels, bit for bit, wherever it runs. A change of the digits, of the
 * seeded draws, of a kernel's arithmetic or of the batches changes it.
 */
export const edgeFingerprint = "a0b2e1be";

/** Trains on the baseline kernels, whose arithmetic every platform has. */
export async function runEdgeScenario(): Promise<EdgeUpdate> {
  const trainer = createEdgeTrainer({ modules: await loadKernelModules(), spec: edgeModel, build: "baseline" });
  const parameters = new Float32Array(trainer.layout.size);
  initializeParameters(edgeModel, 11, parameters);
  const { train } = generateDigits({ samples: 600, testSamples: 1, seed: 4 });
  return await trainer.train({ parameters, data: train, epochs: 3, learningRate: 0.1, seed: 9 });
}

/** FNV-1a (32 bits) of the bytes, in hexadecimal. */
export function fingerprint(values: Float32Array): string {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
