/** Which cells make up the study: from a scale (how many workers, seeds, updates) to a list of trainings. */
import type { Cell, Pace, RuleName } from "./cell.ts";
import { rules } from "./cell.ts";
import { parts, type PartName, type Settings } from "./parts.ts";

const allRules = Object.keys(rules) as RuleName[];
/** Plain asynchronous training beside the default. */
const twoRules = ["none", "inverse"] as const;

/** A cell and the question that it helps to answer. */
export interface StudyCell {
  readonly part: PartName;
  readonly cell: Cell;
}

export interface Scale {
  /** Numbers of workers for every rule, steps of equal length. */
  readonly workers: readonly number[];
  /** Numbers of workers for two rules, steps of random length. */
  readonly randomWorkers: readonly number[];
  /** Numbers of workers of the convolutional network, which knows two rules; empty: it takes no part. */
  readonly networkWorkers: readonly number[];
  /** Learning rates at which one and 30 workers are compared. */
  readonly rates: readonly number[];
  readonly seeds: readonly number[];
  /** Divides the number of updates. */
  readonly shrink: number;
}

/** About forty minutes on two cores. */
export const fullScale: Scale = {
  workers: [1, 2, 4, 8, 16, 30, 64],
  randomWorkers: [8, 30],
  networkWorkers: [1, 4, 8, 30, 64],
  rates: [0.01, 0.03, 0.1],
  seeds: [1, 2, 3],
  shrink: 1,
};

/** About two minutes on two cores. */
export const shortScale: Scale = {
  workers: [1, 8, 30],
  randomWorkers: [],
  networkWorkers: [],
  rates: [],
  seeds: [1, 2, 3],
  shrink: 4,
};

/** The small parts first, and seed by seed: an interrupted study has whole tables. */
export function cellsOf(scale: Scale): readonly StudyCell[] {
  const { seeds, randomWorkers, workers, networkWorkers } = scale;
  return [
    ...seeds.flatMap((seed) => smallCells(scale, seed)),
    ...seeds.flatMap((seed) => crossed(scale, "rules", { workers, names: allRules, pace: "equal", seed })),
    ...seeds.flatMap((seed) =>
      crossed(scale, "network", { workers: networkWorkers, names: twoRules, pace: "equal", seed }),
    ),
    ...seeds.flatMap((seed) =>
      crossed(scale, "rules", { workers: randomWorkers, names: twoRules, pace: "random", seed }),
    ),
  ];
}

function smallCells(scale: Scale, seed: number): readonly StudyCell[] {
  // They are short as they are: half is enough of a cut.
  const cut = Math.min(scale.shrink, 2);
  return [
    alone("compensation", seed, cut),
    ...compensationCells("compensation", seed, cut),
    ...compensationCells("lower", seed, cut),
    ...(["reported", "sgd", "adam"] as const).flatMap((part) => oneAndMany(part, { workers: 8, seed, shrink: cut })),
    ...scale.rates.flatMap((rate) => rateCells(scale, rate, seed)),
  ];
}

interface Crossing {
  readonly workers: readonly number[];
  readonly names: readonly RuleName[];
  readonly pace: Pace;
  readonly seed: number;
}

/** Every rule with every number of workers. One worker alone is never stale: one cell stands for all rules. */
function crossed({ shrink }: Scale, part: PartName, { workers, names, pace, seed }: Crossing): readonly StudyCell[] {
  return workers.flatMap((count) =>
    (count === 1 ? (["none"] as const) : names).map((rule) => ({
      part,
      cell: cellOf(parts[part].settings, { workers: count, rule, pace, seed }, shrink),
    })),
  );
}

function alone(part: PartName, seed: number, shrink: number, settings: Settings = parts[part].settings): StudyCell {
  return { part, cell: cellOf(settings, { workers: 1, rule: "none", pace: "equal", seed }, shrink) };
}

/** One worker, and many with and without the default rule. */
function oneAndMany(
  part: PartName,
  many: { readonly workers: number; readonly seed: number; readonly shrink: number },
  settings: Settings = parts[part].settings,
): readonly StudyCell[] {
  const { workers, seed, shrink } = many;
  const together = twoRules.map((rule) => cellOf(settings, { workers, rule, pace: "equal", seed }, shrink));
  return [alone(part, seed, shrink, settings), ...together.map((cell) => ({ part, cell }))];
}

function rateCells({ shrink }: Scale, learningRate: number, seed: number): readonly StudyCell[] {
  const optimizer = { name: "sgd", learningRate } as const;
  return oneAndMany("rates", { workers: 30, seed, shrink }, { ...parts.rates.settings, optimizer });
}

function compensationCells(part: "compensation" | "lower", seed: number, shrink: number): readonly StudyCell[] {
  const { settings, lambdas } = parts[part];
  return (["none", "DC-ASGD-c", "DC-ASGD-a"] as const).map((rule) => {
    const cell = cellOf(settings, { workers: 8, rule, pace: "equal", seed }, shrink);
    return { part, cell: { ...cell, lambda: lambdas[rule] ?? null } };
  });
}

function cellOf(settings: Settings, choice: Pick<Cell, "workers" | "rule" | "pace" | "seed">, shrink: number): Cell {
  const { falls, ...rest } = settings;
  const updates = Math.round(settings.updates / shrink);
  const schedule = falls === true ? { schedule: { name: "cosine", totalSteps: updates } as const } : {};
  return { ...rest, ...choice, ...schedule, updates, lambda: null };
}
