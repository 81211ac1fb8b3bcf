/** The MLP 784-256-128-10 here and in tfjs-layers. */
import type { ModelSpec } from "@shoal/models";
import type { Layer, Tensor, TensorFlow } from "../peers/tensorflow.ts";
import type { Numbers } from "./ours.ts";
import { randomBatch, type PeerModel, type Subject } from "./subject.ts";

const spec: ModelSpec = {
  inputs: 784,
  layers: [
    { type: "dense", outputs: 256, activation: "relu" },
    { type: "dense", outputs: 128, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
};

export function perceptronSubject(rows: number, aim?: number): Subject {
  return {
    name: `MLP 784-256-128-10, batch ${rows}`,
    spec,
    batch: randomBatch(rows, 784, 1, 10),
    learningRate: 0.01,
    ...(aim === undefined ? {} : { aim }),
    peer(library, weights, batch, learningRate) {
      const { dense } = library.own.layers;
      const layers = [
        dense({ inputShape: [784], units: 256, activation: "relu" }),
        dense({ units: 128, activation: "relu" }),
        dense({ units: 10 }),
      ];
      const inputs = library.tensor(batch.inputs, [rows, 784]);
      const set = (): void => layers.forEach((layer, index) => setDense(library, layer, weights, String(index)));
      return sequentialPeer(library, layers, { inputs, labels: batch.labels, classes: 10, learningRate, set });
    },
  };
}

interface SequentialTraining {
  readonly inputs: Tensor;
  readonly labels: Int32Array;
  readonly classes: number;
  readonly learningRate: number;
  /** Sets the layers' weights, which exist once the model does. */
  readonly set: () => void;
}

/** A model of the peer's own layers, trained by its own `trainOnBatch`. */
export function sequentialPeer(library: TensorFlow, layers: readonly Layer[], training: SequentialTraining): PeerModel {
  const { inputs, labels, classes, learningRate } = training;
  const model = library.own.sequential({ layers });
  model.compile({ optimizer: library.train.sgd(learningRate), loss: library.losses.softmaxCrossEntropy });
  training.set();
  const indices = library.tensor(labels, [labels.length], "int32");
  const targets = library.cast(library.oneHot(indices, classes), "float32");
  return { step: () => model.trainOnBatch(inputs, targets) };
}

/** Ours is [outputs, inputs], theirs [inputs, outputs]. */
export function setDense(
  library: TensorFlow,
  layer: Layer,
  weights: Readonly<Record<string, Numbers>>,
  name: string,
  arrange: (weight: Tensor) => Tensor = (weight) => weight,
): void {
  const weight = library.transpose(arrange(tensorOf(library, weights, `${name}.weight`)));
  layer.setWeights([weight, tensorOf(library, weights, `${name}.bias`)]);
}

export function tensorOf(library: TensorFlow, weights: Readonly<Record<string, Numbers>>, name: string): Tensor {
  const numbers = weights[name];
  if (numbers === undefined)
    throw new RangeError(`there is no parameter ${name}, only ${Object.keys(weights).join(", ")}`);
  return library.tensor(numbers.values, numbers.shape);
}
