/** A small task of digits, for trainers on other threads. */
import { createInlineTrainer, type LocalTrainer, type LocalWork } from "@shoal/edge-client";
import { planeProtocol, type TaskDescription } from "@shoal/federated";
import type { KernelModules } from "@shoal/kernels-wasm";
import { generateDigits, initializeParameters, layoutOf, parseModelSpec } from "@shoal/models";
import { plainLocalTraining } from "./local-training.ts";
import { perceptron } from "./perceptron.ts";

const model = { ...perceptron([8]) };
const spec = parseModelSpec(model, "model");
const { size } = layoutOf(spec);

export function computeTask(epochs: number): TaskDescription {
  return {
    ...{ task: "digits", model, size, protocol: planeProtocol, plain: [], normBound: null, sampleCap: 1_000 },
    down: [{ name: "float32" }],
    up: [{ name: "float32" }],
    local: { ...plainLocalTraining, epochs },
    ...{ privacy: { clip: null, localNoise: 0, secure: null }, memoryBytes: 0 },
  };
}

export function computeWork(task: TaskDescription, own: Partial<LocalWork> = {}): LocalWork {
  const values = new Float32Array(size);
  initializeParameters(spec, 7, values);
  const { signal } = new AbortController();
  return { values, personal: null, round: 1, draw: 1, local: task.local, clip: null, signal, ...own };
}

/** Baseline kernels, whose bits are the same in Node and in pages. */
export function digitsTrainer(modules: KernelModules): LocalTrainer {
  const { train: data, test: testData } = generateDigits({ samples: 60, testSamples: 20 });
  return createInlineTrainer({ modules, data, testData, build: "baseline" });
}
