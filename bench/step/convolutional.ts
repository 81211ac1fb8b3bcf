/** The MNIST CNN (5×5×32, 5×5×64, 512) here and in tfjs-layers. */
import type { ModelSpec } from "@shoal/models";
import type { Tensor, TensorFlow } from "../peers/tensorflow.ts";
import { peerWeights } from "./peer-weights.ts";
import { sequentialPeer } from "./sequential-peer.ts";
import { randomBatch, type Subject } from "./subject.ts";

const spec: ModelSpec = {
  inputs: { shape: [1, 28, 28] },
  layers: [
    { type: "convolution", filters: 32, kernel: 5, activation: "relu" },
    { type: "max_pool", kernel: 2 },
    { type: "convolution", filters: 64, kernel: 5, activation: "relu" },
    { type: "max_pool", kernel: 2 },
    { type: "flatten" },
    { type: "dense", outputs: 512, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
};

export function convolutionalSubject(rows: number, aim: number): Subject {
  return {
    name: `MNIST CNN, batch ${rows}`,
    spec,
    batch: randomBatch(rows, 784, 10),
    learningRate: 0.01,
    aim,
    peer(library, weights, { inputs, labels }, learningRate) {
      const { conv2d, maxPooling2d, flatten, dense } = library.own.layers;
      const ours = peerWeights(library, weights);
      const hidden = library.transpose(channelsLast(library, ours.of("5.weight")));
      return sequentialPeer(library, {
        layers: [
          [
            conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 5, activation: "relu" }),
            [ours.convolution("0.weight"), ours.of("0.bias")],
          ],
          [maxPooling2d({ poolSize: 2 }), []],
          [
            conv2d({ filters: 64, kernelSize: 5, activation: "relu" }),
            [ours.convolution("2.weight"), ours.of("2.bias")],
          ],
          [maxPooling2d({ poolSize: 2 }), []],
          [flatten({}), []],
          [dense({ units: 512, activation: "relu" }), [hidden, ours.of("5.bias")]],
          [dense({ units: 10 }), [ours.dense("6.weight"), ours.of("6.bias")]],
        ],
        ...{ labels, classes: 10, learningRate },
        // One channel: the order of the axes makes no difference.
        inputs: library.tensor(inputs, [rows, 28, 28, 1]),
      });
    },
  };
}

/** The columns of a weight behind `flatten`: ours go by channel, height, width, theirs by height, width, channel. */
function channelsLast(library: TensorFlow, weight: Tensor): Tensor {
  const images = library.reshape(weight, [512, 64, 4, 4]);
  return library.reshape(library.transpose(images, [0, 2, 3, 1]), [512, 1024]);
}
