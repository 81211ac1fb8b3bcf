/** Cells of table 1 of the paper that are played: 100 clients of 600 digits, ten of them a round (C = 0.1), B = 10. */
import { parseModelSpec, type ModelSpec } from "@shoal/models";

/** 784-200-200-10: 199,210 parameters. */
export const perceptron: ModelSpec = parseModelSpec({
  inputs: 784,
  layers: [
    { type: "dense", outputs: 200, activation: "relu" },
    { type: "dense", outputs: 200, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
});

/** Two 5×5 convolutions with pooling, 512 hidden: 1,663,370 parameters. */
export const convolutional: ModelSpec = parseModelSpec({
  inputs: { shape: [1, 28, 28] },
  layers: [
    { type: "convolution", filters: 32, kernel: 5, padding: 2, activation: "relu" },
    { type: "max_pool", kernel: 2 },
    { type: "convolution", filters: 64, kernel: 5, padding: 2, activation: "relu" },
    { type: "max_pool", kernel: 2 },
    { type: "flatten" },
    { type: "dense", outputs: 512, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
});

export interface PaperRow {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly split: "even" | "two shards";
  readonly epochs: number;
  /** Of the paper's grid; it takes the best for each cell. */
  readonly learningRate: number;
  readonly target: number;
  /** Rounds that the paper needs. */
  readonly paper: number;
  /** Rounds within which ours has to get there. */
  readonly limit: number;
}

export const paperRows: readonly PaperRow[] = [
  {
    name: "2NN, IID, E = 1, to 97 %",
    spec: perceptron,
    split: "even",
    epochs: 1,
    learningRate: 0.1,
    target: 0.97,
    paper: 87,
    limit: 100,
  },
  {
    name: "2NN, two shards a client, E = 1, to 97 %",
    spec: perceptron,
    split: "two shards",
    epochs: 1,
    learningRate: 0.1,
    target: 0.97,
    paper: 664,
    limit: 1000,
  },
  {
    name: "CNN, IID, E = 5, to 99 %",
    spec: convolutional,
    split: "even",
    epochs: 5,
    learningRate: 0.1,
    target: 0.99,
    paper: 18,
    limit: 30,
  },
];
