/** What the cells say, seeds taken together. */
import type { CellResult, ModelName, Pace, RuleName } from "./cell.ts";
import type { StudyCell } from "./grid.ts";
import type { PartName } from "./parts.ts";

/** The same training with all its seeds. */
export interface Group {
  readonly part: PartName;
  readonly model: ModelName;
  readonly workers: number;
  readonly rule: RuleName;
  readonly pace: Pace;
  /** undefined: the optimiser's default. */
  readonly learningRate: number | undefined;
  /** Share of wrong answers after the last update: mean, least and greatest over the seeds. */
  readonly error: Spread;
  /** Virtual time to 97 % right answers in the median seed, in steps of one worker; null when that did not get there. */
  readonly stepsToAim: number | null;
  readonly meanStaleness: number;
  readonly seeds: number;
  /** Seeds whose training ended with numbers that were not finite. */
  readonly diverged: number;
}

export interface Spread {
  readonly mean: number;
  readonly least: number;
  readonly greatest: number;
}

export type Played = StudyCell & { readonly result: CellResult };

/** In the order of the cells. */
export function groupsOf(played: readonly Played[]): readonly Group[] {
  const groups = Map.groupBy(
    played,
    ({ part, cell: { workers, rule, pace, optimizer } }) =>
      `${part} ${workers} ${rule} ${pace} ${optimizer.learningRate}`,
  );
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const { model, workers, rule, pace, optimizer } = first.cell;
    const results = members.map(({ result }) => result);
    const times = results.map(({ stepsToAim }) => stepsToAim ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)] ?? Number.POSITIVE_INFINITY;
    return {
      ...{ part: first.part, model, workers, rule, pace, seeds: members.length },
      learningRate: optimizer.learningRate,
      error: spreadOf(results.map(({ finalError }) => finalError)),
      stepsToAim: Number.isFinite(median) ? median : null,
      meanStaleness: mean(results.map(({ meanStaleness }) => meanStaleness)),
      diverged: results.filter(({ diverged }) => diverged).length,
    };
  });
}

export function findGroup(
  groups: readonly Group[],
  wanted: Pick<Group, "part" | "workers" | "rule"> & { readonly pace?: Pace },
): Group | undefined {
  const { part, workers, rule, pace = "equal" } = wanted;
  return groups.find(
    (group) => group.part === part && group.workers === workers && group.rule === rule && group.pace === pace,
  );
}

function spreadOf(values: readonly number[]): Spread {
  return { mean: mean(values), least: Math.min(...values), greatest: Math.max(...values) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
