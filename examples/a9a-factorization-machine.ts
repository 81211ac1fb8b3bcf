/**
 * A factorisation machine on the sparse rows of a9a (the "adult" census data in LIBSVM's encoding).
 *
 *   npm run shoal -- train examples/a9a-factorization-machine.ts --data FOLDER
 *
 * FOLDER holds a9a and a9a.t, packed or not, or a folder `libsvm` with them. Without them the example trains on generated
 * rows, and says so.
 */
import { defineJob } from "shoal";

export default defineJob({
  name: "a9a-factorization-machine",
  model: {
    inputs: { features: 123, active: 14 },
    layers: [{ type: "factorization_machine", factors: 8 }],
    loss: { type: "binary_cross_entropy" },
  },
  data: {
    type: "libsvm",
    file: "a9a",
    testFile: "a9a.t",
    features: 123,
    substitute: { samples: 30_000, testSamples: 5_000 },
  },
  optimizer: { name: "adam", learningRate: 0.005 },
  schedule: { name: "cosine", totalSteps: 1530 },
  consistency: { mode: "synchronous" },
  // A step is of two contributions of 64 rows, whoever computes them.
  slots: 2,
  batchSize: 64,
  epochs: 6,
  evaluation: { metrics: ["accuracy", "auc", "log_loss"] },
});
