/**
 * Which cells make up the study.
 *
 * The learning rates are those at which one worker learns well and staleness already hurts, found by trial: below them
 * plain asynchronous training works too, only later.
 */
import type { Cell, Pace, RuleName } from "./cell.ts";
import { rules } from "./cell.ts";

const allRules = Object.keys(rules) as RuleName[];

export type PartName = "rules" | "network" | "compensation" | "reported" | "adam";

/** A cell and the question that it helps to answer. */
export interface StudyCell {
  readonly part: PartName;
  readonly cell: Cell;
}

export interface Scale {
  readonly workers: readonly number[];
  readonly paces: readonly Pace[];
  readonly seeds: readonly number[];
  /** Divides the number of updates. */
  readonly shrink: number;
  /** Whether the convolutional network takes part. */
  readonly withNetwork: boolean;
}

/** About twenty minutes on two cores. */
export const fullScale: Scale = {
  workers: [1, 2, 4, 8, 16, 30, 64],
  paces: ["equal", "random"],
  seeds: [1, 2, 3],
  shrink: 1,
  withNetwork: true,
};

/** About two minutes on two cores. */
export const shortScale: Scale = {
  workers: [1, 8, 30],
  paces: ["equal"],
  seeds: [1, 2, 3],
  shrink: 4,
  withNetwork: false,
};

type Settings = Pick<Cell, "model" | "updates" | "batchSize" | "optimizer">;

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
/**
 * Plain descent at 8 workers still learns here, and is seen to be hurt. The rate goes down to nothing, as it did in the
 * paper's runs: differences of half a point drown in the noise of a constant one.
 */
const compensated: Settings = { ...perceptron, updates: 6_000, optimizer: { name: "sgd", learningRate: 0.05 } };
/** What the λ of DC-ASGD are in the comparison of the three at 8 workers. */
const lambdas: Readonly<Partial<Record<RuleName, number>>> = { "DC-ASGD-c": 1, "DC-ASGD-a": 2 };
/** Five epochs at the settings of elasticdl#89. */
const reported: Settings = {
  model: "mlp",
  updates: 4_690,
  batchSize: 64,
  optimizer: { name: "sgd", learningRate: 0.01, momentum: 0.9 },
};

/** The small parts first, then the great one pace by pace and seed by seed: an interrupted study has whole tables. */
export function cellsOf(scale: Scale): readonly StudyCell[] {
  const { seeds, paces } = scale;
  const small = seeds.flatMap((seed) => [
    ...compensationCells(scale, seed),
    ...reportedCells(scale, "reported", reported, seed),
    ...reportedCells(scale, "adam", { ...reported, optimizer: { name: "adam", learningRate: 0.01 } }, seed),
    ...(scale.withNetwork ? networkCells(scale, seed) : []),
    aloneCell(scale, "rules", perceptron, seed),
  ]);
  const great = paces.flatMap((pace) =>
    seeds.flatMap((seed) => crossed({ ...scale, paces: [pace] }, "rules", perceptron, allRules, seed)),
  );
  return [...small, ...great];
}

/** One worker alone is never stale: one cell stands for all rules and paces. */
function aloneCell({ shrink }: Scale, part: PartName, settings: Settings, seed: number): StudyCell {
  return { part, cell: cellOf(settings, { workers: 1, rule: "none", pace: "equal", seed }, shrink) };
}

/** Every rule with every number of workers but one, and every pace. */
function crossed(
  { workers, paces, shrink }: Scale,
  part: PartName,
  settings: Settings,
  names: readonly RuleName[],
  seed: number,
): readonly StudyCell[] {
  const together = workers.filter((count) => count > 1);
  return together.flatMap((count) =>
    paces.flatMap((pace) =>
      names.map((rule) => ({ part, cell: cellOf(settings, { workers: count, rule, pace, seed }, shrink) })),
    ),
  );
}

function networkCells(scale: Scale, seed: number): readonly StudyCell[] {
  const smaller: Scale = { ...scale, workers: [1, 8, 30], paces: ["equal"] };
  return [
    aloneCell(scale, "network", network, seed),
    ...crossed(smaller, "network", network, ["none", "inverse"], seed),
  ];
}

function compensationCells({ shrink }: Scale, seed: number): readonly StudyCell[] {
  return (["none", "DC-ASGD-c", "DC-ASGD-a"] as const).map((rule) => {
    const cell = cellOf(compensated, { workers: 8, rule, pace: "equal", seed }, Math.min(shrink, 2));
    const schedule = { name: "cosine", totalSteps: cell.updates } as const;
    return { part: "compensation", cell: { ...cell, schedule, lambda: lambdas[rule] ?? null } };
  });
}

function reportedCells({ shrink }: Scale, part: PartName, settings: Settings, seed: number): readonly StudyCell[] {
  const choices = [
    { workers: 1, rule: "none" },
    { workers: 8, rule: "none" },
    { workers: 8, rule: "inverse" },
  ] as const;
  return choices.map((choice) => ({
    part,
    cell: cellOf(settings, { ...choice, pace: "equal", seed }, Math.min(shrink, 2)),
  }));
}

function cellOf(settings: Settings, choice: Pick<Cell, "workers" | "rule" | "pace" | "seed">, shrink: number): Cell {
  return { ...settings, ...choice, updates: Math.round(settings.updates / shrink), lambda: null };
}
