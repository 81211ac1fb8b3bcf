/**
 * A multi-layer perceptron on MNIST: the first job to try.
 *
 *   npm start                                          trains it in one process
 *   npm run shoal -- up --workers 2 --servers 2        starts a cluster of processes …
 *   npm run shoal -- submit examples/mnist-mlp.ts      … and, in another terminal, trains it there
 */
import { defineJob } from "shoal";

export default defineJob({
  name: "mnist-mlp",
  model: {
    inputs: 784,
    layers: [
      { type: "dense", outputs: 256, activation: "relu" },
      { type: "dense", outputs: 128, activation: "relu" },
      { type: "dense", outputs: 10 },
    ],
    loss: { type: "softmax_cross_entropy" },
  },
  data: { type: "mnist" },
  optimizer: { name: "adam", learningRate: 0.001 },
  consistency: { mode: "synchronous" },
  batchSize: 64,
  epochs: 5,
});
