/** Known answers of federated learning from papers and other systems' test suites; see `federated-rows.ts`. */

type Rows = Readonly<Record<string, unknown>>;

const means: Rows = {
  "two clients": { updates: [[1], [3]], weights: [1, 2], mean: [7 / 3] },
  "Flower fedavgm_test": {
    updates: [
      [1, 2, 3, 4, 5, 6],
      [29, 23, 19, 17, 13, 11],
    ],
    weights: [1, 2],
    mean: [59 / 3, 48 / 3, 41 / 3, 38 / 3, 31 / 3, 28 / 3],
  },
};

const norms: Rows = {
  "TFF clip 2, sum": { updates: [[1], [3], [5]], bound: 2, weights: [1, 1, 1], sum: [5], clipped: 2 },
  "TFF clip 2, mean": { updates: [[1], [3], [5]], bound: 2, weights: [1, 2, 1], sum: [7], clipped: 2 },
  "TFF zero beyond 2": { updates: [[1], [2], [5]], bound: 2, beyond: "zero", weights: [1, 2, 2], sum: [5], clipped: 1 },
  "TFF structure, clip 4": {
    updates: [
      [1, 1, 1, 1],
      [2, 2, 2, 2],
      [3, 3, 3, 3],
    ],
    bound: 4,
    weights: [1, 1, 1],
    sum: [5, 5, 5, 5],
    clipped: 1,
  },
  "TFF growing clip, 1": { updates: [[1], [3], [5]], bound: 1, weights: [1, 2, 1], sum: [4], clipped: 2 },
  "TFF growing clip, 3": { updates: [[1], [3], [5]], bound: 3, weights: [1, 2, 1], sum: [10], clipped: 1 },
  "TFF two keys, clip 3": {
    updates: [
      [1, 1],
      [3, 4],
    ],
    bound: 3,
    weights: [1, 1],
    sum: [2.8, 3.4],
    clipped: 1,
  },
};

const scaffold: Rows = {
  "pfl-research": {
    w: [2, 4, 3, 5],
    inputs: [
      [1, 0],
      [0, 2],
    ],
    targets: [
      [4, 6],
      [8, 12],
    ],
    learningRate: 0.1,
    loss: 4,
    withoutControl: { delta: [0.05, 0.05, 0.1, 0.1], control: [0.5, 0.5, 1, 1], loss: 3.75 },
    withControl: {
      global: 0.1,
      delta: [0.04, 0.04, 0.09, 0.09],
      controlOptionI: [0.5, 0.5, 1, 1],
      controlOptionII: [0.3, 0.3, 0.8, 0.8],
      loss: 3.78,
    },
  },
};

const serverOptimizers: Rows = {
  "TFF Adagrad": { learningRate: 0.01, gradient: 2, values: [1, 0.99, 0.9829289, 0.9771554, 0.9721554] },
  "TFF Adam, Yogi": { learningRate: 0.1, gradient: 2, values: [1, 0.9, 0.8, 0.7, 0.6] },
  "Flower FedAdagrad": { previous: 0.1, clients: [0.2, 1], learningRate: 0.1, tau: 0.5, value: 0.15 },
};

const robustness: Rows = {
  "Flower trimmed mean": {
    updates: [
      [0.5, 0.5, 0.5, 0.5],
      [1, 0.2, 0.5, 1],
      [0.2, 0.5, 1, 0.2],
      [0.5, 1, 0.2, 0.5],
    ],
    trim: 0.25,
    result: [0.5, 0.5, 0.5, 0.5],
  },
  "Flower trimmed mean, one far": { updates: [[0.5], [1], [2], [100]], trim: 0.25, result: [1.5] },
  "Flower Krum": { updates: [[0.2], [0.7], [1]], byzantine: 1, result: [0.7] },
  "Flower multi-Krum": { updates: [[0.2], [0.5], [1]], byzantine: 1, keep: 2, result: [0.35] },
  "Flower Bulyan": { updates: [[0.2], [0.5], [0.7], [12], [0.1], [0.1]], byzantine: 0, result: [2.2667] },
  "Flower nearest to 1": { values: [1, 2, 0.5], reference: 1, count: 2, mean: 0.75 },
  "Flower nearest to 0": { values: [1, -0.5, 10], reference: 0, count: 1, mean: -0.5 },
};

const partitions: Rows = {
  "Flower Datasets, MNIST, 10 clients, Dirichlet 0.5": [2134, 2615, 3646, 6011, 6170, 6386, 6715, 7653, 8435, 10_235],
};

/** Of the SecAgg library: (a ± b) mod m. */
const modularSums: Rows = {
  "difference of 3 and 4 modulo 10": 9,
  "sums modulo numbers just below 2^63": ["9223372036854775806", "9223372036854775807"],
};

export const publishedFederatedRows: Readonly<Record<string, Rows>> = {
  "published means": means,
  "published norms": norms,
  "published SCAFFOLD": scaffold,
  "published server optimisers": serverOptimizers,
  "published robustness": robustness,
  "published partitions": partitions,
  "published modular sums": modularSums,
};
