/**
 * The questions of the study and the settings that each is asked at.
 *
 * Papers: Zhang et al. 2016 (1511.05950; 30 workers, the rule α/τ, 140 epochs), Zheng et al. 2017 (1609.08326; 8 workers,
 * batches of 128, a rate that falls, λ .04 constant and 2 adaptive).
 */
import type { Cell, RuleName } from "./cell.ts";

export type Settings = Pick<Cell, "model" | "updates" | "batchSize" | "optimizer"> & {
  /** The learning rate goes down to nothing by a cosine; default it stays. */
  readonly falls?: boolean;
};

interface Part {
  readonly title: string;
  readonly settings: Settings;
}

interface ComparedPart extends Part {
  /** Of the rules that have one. */
  readonly lambdas: Readonly<Partial<Record<RuleName, number>>>;
}

/** At this rate one worker still learns, though a lower one is better, and few workers without a rule already fail. */
const perceptron: Settings = {
  model: "mlp",
  updates: 20_000,
  batchSize: 32,
  optimizer: { name: "sgd", learningRate: 0.3 },
};

const network: Settings = {
  model: "cnn",
  updates: 12_000,
  batchSize: 16,
  optimizer: { name: "sgd", learningRate: 0.2 },
};

/** Ten epochs. Differences of half a point drown in the noise of a rate that does not fall. */
const compensated: Settings = {
  model: "mlp",
  updates: 4_690,
  batchSize: 128,
  optimizer: { name: "sgd", learningRate: 0.1 },
  falls: true,
};

/** Five epochs. */
const reported: Settings = {
  model: "mlp",
  updates: 4_690,
  batchSize: 64,
  optimizer: { name: "sgd", learningRate: 0.01 },
};

export type PartName = "rules" | "network" | "rates" | "compensation" | "lower" | "reported" | "sgd" | "adam";

interface Parts extends Readonly<Record<PartName, Part>> {
  readonly compensation: ComparedPart;
  readonly lower: ComparedPart;
}

export const parts: Parts = {
  rules: { title: "MLP, SGD .3, batch 32", settings: perceptron },
  network: { title: "CNN, SGD .2, batch 16", settings: network },
  rates: { title: "MLP, batch 32, other learning rates", settings: perceptron },
  compensation: {
    title: "MLP, SGD .1 falling by a cosine, batch 128; λ 4 (constant) and 2 (adaptive)",
    settings: compensated,
    lambdas: { "DC-ASGD-c": 4, "DC-ASGD-a": 2 },
  },
  lower: {
    title: "MLP, SGD .05 falling by a cosine, batch 128; λ 4 and 5",
    settings: { ...compensated, optimizer: { name: "sgd", learningRate: 0.05 } },
    lambdas: { "DC-ASGD-c": 4, "DC-ASGD-a": 5 },
  },
  reported: {
    title: "MLP, SGD .01 with momentum .9, batch 64",
    settings: { ...reported, optimizer: { name: "sgd", learningRate: 0.01, momentum: 0.9 } },
  },
  sgd: { title: "MLP, SGD .01, batch 64", settings: reported },
  adam: {
    title: "MLP, Adam .01, batch 64",
    settings: { ...reported, optimizer: { name: "adam", learningRate: 0.01 } },
  },
};
