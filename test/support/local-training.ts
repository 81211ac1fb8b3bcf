/** What clients of a task do for tests that do not care: one plain epoch of SGD. */
import type { LocalTraining } from "@shoal/federated";

export const plainLocalTraining: LocalTraining = {
  ...{ epochs: 1, batchSize: 10, learningRate: 0.1, momentum: 0, proximal: 0, seed: 1 },
  ...{ correction: "none", lossAt: "training", personal: [] },
};
