/**
 * A convolutional network on MNIST: two convolutions with pooling and a hidden layer, 99 % and more of the test digits.
 *
 *   npm run shoal -- train examples/mnist-cnn.ts       in one process, with 2 workers and 2 servers
 */
import { defineJob } from "shoal";

const epochs = 5;
const batchSize = 64;
/** Two workers' batches make one step. */
const slots = 2;

export default defineJob({
  name: "mnist-cnn",
  model: {
    inputs: { shape: [1, 28, 28] },
    layers: [
      { type: "convolution", filters: 32, kernel: 5, activation: "relu" },
      { type: "max_pool", kernel: 2 },
      { type: "convolution", filters: 64, kernel: 5, activation: "relu" },
      { type: "max_pool", kernel: 2 },
      { type: "flatten" },
      { type: "dense", outputs: 512, activation: "relu" },
      { type: "dropout", rate: 0.5 },
      { type: "dense", outputs: 10 },
    ],
    loss: { type: "softmax_cross_entropy" },
  },
  data: { type: "mnist" },
  optimizer: { name: "adam", learningRate: 0.001 },
  schedule: { name: "cosine", totalSteps: Math.ceil(60_000 / (slots * batchSize)) * epochs },
  consistency: { mode: "synchronous" },
  batchSize,
  slots,
  epochs,
});
