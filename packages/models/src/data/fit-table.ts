/**
 * Fits a table's preprocessing in one pass: means and deviations over the training rows, categories and classes.
 *
 * Mean and deviation are those of Welford's update (Technometrics 1962), in float64: one pass, no cancellation.
 */
import { classLimit, sortedNames } from "./class-names.ts";
import type { TableColumnsSpec } from "./table-spec.ts";
import type { ColumnEncoding, InputPreprocessing, TargetPreprocessing } from "./preprocessing.ts";
import { corruptAt, type RawValue, type RowPlace, type TableVisitor } from "./raw-rows.ts";
import { expectWidth, numberOf, textOf, widthOf } from "./raw-values.ts";
import { rolesOf, type InputRole, type TableRoles, type TargetRole } from "./table-roles.ts";

export interface FittedTable {
  readonly inputs: Readonly<Record<string, InputPreprocessing>>;
  readonly targets: Readonly<Record<string, TargetPreprocessing>>;
}

type Fail = (sentence: string) => never;

/** Looks at the values of one column. */
interface ColumnFit {
  readonly index: number;
  visit(value: RawValue, isTraining: boolean, fail: Fail): void;
}

interface InputFit extends ColumnFit {
  encoding(): ColumnEncoding;
}

function fitNumbers({ index, column }: InputRole, isNormalised: boolean): InputFit {
  let width: number | undefined;
  let rows = 0;
  const mean: number[] = [];
  const squares: number[] = [];
  return {
    index,
    visit(value, isTraining, fail) {
      width ??= Math.max(1, widthOf(value));
      expectWidth(value, width, column, fail);
      if (isTraining) rows += 1;
      for (let element = 0; element < width; element += 1) {
        const number = numberOf(value, element, column, fail);
        if (!isTraining || !isNormalised) continue;
        const before = mean[element] ?? 0;
        const after = before + (number - before) / rows;
        mean[element] = after;
        squares[element] = (squares[element] ?? 0) + (number - before) * (number - after);
      }
    },
    encoding() {
      if (!isNormalised || rows === 0) return { kind: "number", column, width: width ?? 1 };
      // A constant column becomes 0.
      const deviation = squares.map((sum) => Math.sqrt(sum / rows) || 1);
      return { kind: "number", column, width: width ?? 1, mean, deviation };
    },
  };
}

interface NameCollection {
  readonly names: Set<string>;
  readonly add: (value: RawValue, fail: Fail) => void;
}

function collectNames(column: string): NameCollection {
  const names = new Set<string>();
  return {
    names,
    add(value, fail) {
      names.add(textOf(value, column, fail));
      if (names.size > classLimit) fail(`column ${column}: more than ${classLimit} different labels`);
    },
  };
}

function fitCategory({ index, column }: InputRole): InputFit {
  const { names, add } = collectNames(column);
  return {
    index,
    visit(value, isTraining, fail) {
      if (isTraining) add(value, fail);
    },
    encoding: () => ({ kind: "category", column, categories: sortedNames(names) }),
  };
}

interface TargetFit {
  readonly fits: readonly ColumnFit[];
  result(): TargetPreprocessing;
}

/** Classes of the test rows count too: a model has to have an output for them. */
function fitTarget(target: TargetRole): TargetFit {
  if (target.kind === "number") {
    const fits = target.columns.map(({ index, column }): ColumnFit => {
      return { index, visit: (value, _, fail) => void numberOf(value, 0, column, fail) };
    });
    return { fits, result: () => ({ kind: "numbers", columns: target.columns.map(({ column }) => column) }) };
  }
  const { index, column } = target.column;
  const { names, add } = collectNames(column);
  const fit: ColumnFit = {
    index,
    visit(value, _, fail) {
      if (value === "") fail(`column ${column}: expected a class, got nothing`);
      add(value, fail);
    },
  };
  return { fits: [fit], result: () => ({ kind: "classes", column, names: sortedNames(names) }) };
}

export interface TableFit {
  /** For each of the files of the data set; the columns of the later ones must be those of the first. */
  visitor(place: RowPlace, isTraining: (row: number) => boolean): TableVisitor & { rows(): number };
  result(): FittedTable;
}

export function createTableFit(spec: TableColumnsSpec): TableFit {
  let names: readonly string[] | undefined;
  const inputs: Record<string, InputFit[]> = {};
  const targets: Record<string, TargetFit> = {};
  const fits: ColumnFit[] = [];
  const start = (roles: TableRoles): void => {
    const isNormalised = spec.normalisation !== "none";
    for (const [name, chosen] of Object.entries(roles.inputs)) {
      inputs[name] = chosen.map((role) => (role.isCategory ? fitCategory(role) : fitNumbers(role, isNormalised)));
      fits.push(...inputs[name]);
    }
    for (const [name, target] of Object.entries(roles.targets)) {
      targets[name] = fitTarget(target);
      fits.push(...targets[name].fits);
    }
  };
  return {
    visitor(place, isTraining) {
      let count = 0;
      return {
        columns(found, at) {
          const fail: Fail = (sentence) => {
            throw corruptAt(place, at, sentence);
          };
          if (names === undefined) start(rolesOf(spec, found, fail));
          else checkSameColumns(names, found, fail);
          names ??= found;
        },
        row(values, at) {
          const trains = isTraining(count);
          count += 1;
          const fail: Fail = (sentence) => {
            throw corruptAt(place, at, sentence);
          };
          for (const fit of fits) fit.visit(values[fit.index] ?? null, trains, fail);
        },
        rows: () => count,
      };
    },
    result: () => ({
      inputs: mapValues(inputs, (columns) => ({ kind: "columns", columns: columns.map((fit) => fit.encoding()) })),
      targets: mapValues(targets, (target) => target.result()),
    }),
  };
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Readonly<Record<string, R>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function checkSameColumns(names: readonly string[], found: readonly string[], fail: Fail): void {
  if (names.length !== found.length)
    fail(`expected ${names.length} columns as in the first file, found ${found.length}`);
  const index = names.findIndex((name, at) => name !== found[at]);
  if (index >= 0) fail(`column ${index}: expected ${names[index]} as in the first file, found ${found[index]}`);
}
