/** A model of the peer's own layers, trained by its own `trainOnBatch`. */
import type { Layer, Tensor, TensorFlow } from "../peers/tensorflow.ts";
import type { PeerModel } from "./subject.ts";

export interface SequentialTraining {
  /** Each with the weights it starts from, none where it has none. */
  readonly layers: readonly (readonly [layer: Layer, weights: readonly Tensor[]])[];
  readonly inputs: Tensor;
  readonly labels: Int32Array;
  readonly classes: number;
  readonly learningRate: number;
}

export function sequentialPeer(library: TensorFlow, training: SequentialTraining): PeerModel {
  const { layers, inputs, labels, classes, learningRate } = training;
  const model = library.own.sequential({ layers: layers.map(([layer]) => layer) });
  model.compile({ optimizer: library.train.sgd(learningRate), loss: library.losses.softmaxCrossEntropy });
  for (const [layer, weights] of layers) layer.setWeights(weights);
  const indices = library.tensor(labels, [labels.length], "int32");
  const targets = library.cast(library.oneHot(indices, classes), "float32");
  return { step: () => model.trainOnBatch(inputs, targets) };
}
