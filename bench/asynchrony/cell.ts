/** One training of the study, as data: everything that decides its outcome. */
import type { ModelSpec } from "@shoal/models";
import type { OptimizerSpec, ScheduleSpec, StalenessSpec } from "@shoal/optimization";

/** The rules of the study, each by itself: weights without compensation, compensation without weights. */
export const rules = {
  none: { weight: { name: "none" } },
  inverse: { weight: { name: "inverse" } },
  polynomial: { weight: { name: "polynomial" } },
  hinge: { weight: { name: "hinge" } },
  "DC-ASGD-c": { weight: { name: "none" }, compensation: { name: "constant" } },
  "DC-ASGD-a": { weight: { name: "none" }, compensation: { name: "adaptive" } },
} as const satisfies Readonly<Record<string, StalenessSpec>>;

export type RuleName = keyof typeof rules;

export const models = {
  mlp: {
    inputs: 784,
    layers: [
      { type: "dense", outputs: 64, activation: "relu" },
      { type: "dense", outputs: 10 },
    ],
    loss: { type: "softmax_cross_entropy" },
  },
  cnn: {
    inputs: { shape: [1, 28, 28] },
    layers: [
      { type: "convolution", filters: 8, kernel: 5, activation: "relu" },
      { type: "max_pool", kernel: 2 },
      { type: "convolution", filters: 16, kernel: 5, activation: "relu" },
      { type: "max_pool", kernel: 2 },
      { type: "flatten" },
      { type: "dense", outputs: 64, activation: "relu" },
      { type: "dense", outputs: 10 },
    ],
    loss: { type: "softmax_cross_entropy" },
  },
} as const satisfies Readonly<Record<string, ModelSpec>>;

export type ModelName = keyof typeof models;

/** How long a step takes: always 1, or drawn anew for each (half of it fixed, half exponential), 1 on average. */
export type Pace = "equal" | "random";

export interface Cell {
  readonly model: ModelName;
  readonly workers: number;
  readonly rule: RuleName;
  readonly pace: Pace;
  readonly seed: number;
  /** Pushes of all workers together. */
  readonly updates: number;
  readonly batchSize: number;
  readonly optimizer: Extract<OptimizerSpec, { readonly name: "sgd" | "adam" }>;
  /** Default constant. */
  readonly schedule?: ScheduleSpec;
  /** Of delay compensation; null: the rule's default. */
  readonly lambda: number | null;
}

export interface CellResult {
  /** Share of the test split that the final values get wrong; 0.9 is guessing. */
  readonly finalError: number;
  /** Virtual time at which an evaluation first found at most 3 % errors, in mean steps of one worker; null: never. */
  readonly stepsToAim: number | null;
  /** Virtual time of the whole training, in mean steps of one worker. */
  readonly steps: number;
  readonly meanStaleness: number;
  readonly maximumStaleness: number;
  /** The shard refused a gradient that was not finite, and training ended there. */
  readonly diverged: boolean;
  /** [pushes applied, share of errors] of each evaluation. */
  readonly curve: readonly (readonly [number, number])[];
}

export function stalenessOf({ rule, lambda }: Cell): StalenessSpec {
  const spec: StalenessSpec = rules[rule];
  if (lambda === null || spec.compensation === undefined || spec.compensation.name === "none") return spec;
  return { ...spec, compensation: { ...spec.compensation, lambda } };
}

/** Equal for equal cells: what a result is found by. */
export function keyOf(cell: Cell): string {
  return JSON.stringify(Object.entries(cell).sort(([a], [b]) => (a < b ? -1 : 1)));
}
