/** The models that whole-cluster tests train, and the small job that is killed, cut off and traced. */
import type { Activation } from "@shoal/kernels-wasm";
import type { ModelSpec } from "@shoal/models";

/** A multi-layer perceptron from 784 pixels to 10 classes. @param hidden outputs of the layers between */
export function perceptron(hidden: readonly number[], activation: Activation = "relu"): ModelSpec {
  return {
    inputs: 784,
    layers: [
      ...hidden.map((outputs) => ({ type: "dense", outputs, activation }) as const),
      { type: "dense", outputs: 10 },
    ],
    loss: { type: "softmax_cross_entropy" },
  };
}

/** Some seconds of training on generated digits: long enough to be disturbed in the middle. */
export const disturbedJob = {
  model: perceptron([256]),
  data: { type: "digits", samples: 8_000, testSamples: 500 },
  optimizer: { name: "sgd", learningRate: 0.05 },
  epochs: 12,
} as const;
