/**
 * Federated averaging on digits: each client trains on the digits that it has, for one pass a round, and
 * five of them make a round. `shoal edge` serves a page that is such a client.
 */
import { defineJob } from "shoal";

export default defineJob({
  name: "digits-federated",
  model: {
    inputs: 784,
    layers: [
      { type: "dense", outputs: 64, activation: "relu" },
      { type: "dense", outputs: 10 },
    ],
    loss: { type: "softmax_cross_entropy" },
  },
  // The cluster's own data: what a round has come to is measured on its test split.
  data: { type: "digits", samples: 100, testSamples: 2_000 },
  optimizer: { name: "sgd", learningRate: 1 },
  federated: {
    rounds: 100,
    aggregation: { name: "fedavg", goal: 5 },
    // Two tabs are enough: a round begins with those who have come when its time to select is over.
    minimum: 2,
    selectionSeconds: 5,
    configurationSeconds: 10,
    reportingSeconds: 60,
    // Each client measures on digits that it has held back: the page shows how many its model gets right.
    evaluatesOnClients: true,
    local: { epochs: 1, batchSize: 10, learningRate: 0.05 },
    up: [{ name: "int8" }, { name: "float32" }],
  },
});
