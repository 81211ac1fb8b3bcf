/** Joins CSV tables to a data set: classes are numbered, rows divided, columns normalised. */
import { ShoalError } from "@shoal/errors";
import type { CsvTable, LabelTexts } from "./csv-table.ts";
import { onlyInput, onlyTarget, type Dataset, type Split } from "./dataset.ts";
import type { CsvDatasetSpec } from "./dataset-spec.ts";
import { sharedBuffer } from "./shared-buffer.ts";

/** Without a test file every row whose index leaves this remainder is a test row. */
const testEvery = 10;
const testRemainder = 9;

interface Rows {
  readonly values: Float32Array;
  readonly labels: Float32Array;
}

/** Takes the tables' contents. @param testTable undefined: a tenth of `table` is kept for testing */
export function csvDataset(
  spec: CsvDatasetSpec,
  table: CsvTable,
  testTable: CsvTable | undefined,
  texts: LabelTexts,
): Dataset {
  const { features } = table;
  checkTables(spec, table, testTable);
  const all = rowsOf(table);
  const [train, test] =
    testTable === undefined
      ? [pick(all, features, (row) => !isTestRow(row)), pick(all, features, isTestRow)]
      : [all, rowsOf(testTable)];
  if (spec.normalisation !== "none") normalise(train.values, test.values, features);
  const classOf = spec.labelKind === "number" ? undefined : classNumbers(texts);
  return {
    name: spec.file,
    source: `${spec.file}${spec.testFile === undefined ? ", every tenth row for testing" : ` and ${spec.testFile}`}`,
    train: toSplit(train, features, classOf),
    test: toSplit(test, features, classOf),
  };
}

function checkTables(spec: CsvDatasetSpec, table: CsvTable, testTable: CsvTable | undefined): void {
  const fail = (file: string, sentence: string): never => {
    throw new ShoalError("data_corrupt", `${file}: ${sentence}`, { file });
  };
  if (testTable === undefined && table.rows < testEvery) {
    fail(spec.file, `expected at least ${testEvery} rows to keep every tenth for testing, found ${table.rows}`);
  }
  if (testTable !== undefined && testTable.features !== table.features) {
    const sentence = `expected ${table.features} columns beside the label, as in ${spec.file}`;
    fail(spec.testFile ?? "", `${sentence}, found ${testTable.features}`);
  }
}

const isTestRow = (row: number): boolean => row % testEvery === testRemainder;

function rowsOf(table: CsvTable): Rows {
  return { values: table.values.take(sharedBuffer), labels: table.labels.take(sharedBuffer) };
}

function pick(all: Rows, features: number, wanted: (row: number) => boolean): Rows {
  const rows = Array.from(all.labels.keys()).filter(wanted);
  const floatBytes = Float32Array.BYTES_PER_ELEMENT;
  const values = new Float32Array(sharedBuffer(rows.length * features * floatBytes));
  const labels = new Float32Array(sharedBuffer(rows.length * floatBytes));
  for (const [index, row] of rows.entries()) {
    values.set(all.values.subarray(row * features, (row + 1) * features), index * features);
    labels[index] = all.labels[row] ?? 0;
  }
  return { values, labels };
}

/** Scales each column to mean 0 and deviation 1 over the training rows; a constant column becomes 0. */
function normalise(train: Float32Array, test: Float32Array, features: number): void {
  const rows = train.length / features;
  for (let column = 0; column < features; column += 1) {
    let sum = 0;
    for (let index = column; index < train.length; index += features) sum += train[index] ?? 0;
    const mean = sum / rows;
    let squares = 0;
    for (let index = column; index < train.length; index += features) squares += ((train[index] ?? 0) - mean) ** 2;
    const deviation = Math.sqrt(squares / rows) || 1;
    for (const values of [train, test]) {
      for (let index = column; index < values.length; index += features) {
        values[index] = ((values[index] ?? 0) - mean) / deviation;
      }
    }
  }
}

/** Numbers the label texts in sorted order: as numbers where all are, else as text. @returns index of text → class */
function classNumbers(texts: LabelTexts): readonly number[] {
  const names = [...texts.keys()];
  const numeric = names.every((name) => name !== "" && Number.isFinite(Number(name)));
  const byText = (left: string, right: string): number => (left < right ? -1 : 1);
  const order = names.toSorted(numeric ? (left, right) => Number(left) - Number(right) || byText(left, right) : byText);
  const classes = new Array<number>(names.length).fill(0);
  for (const [number, name] of order.entries()) classes[texts.get(name) ?? 0] = number;
  return classes;
}

function toSplit({ values, labels }: Rows, features: number, classOf: readonly number[] | undefined): Split {
  const count = labels.length;
  const inputs = { [onlyInput]: { kind: "dense", width: features, values, scale: 1, shift: 0 } } as const;
  if (classOf === undefined) {
    return {
      count,
      inputs,
      targets: { [onlyTarget]: { kind: "dense", width: 1, values: labels, scale: 1, shift: 0 } },
    };
  }
  const classes = new Int32Array(sharedBuffer(count * Int32Array.BYTES_PER_ELEMENT));
  for (const [row, text] of labels.entries()) classes[row] = classOf[text] ?? 0;
  return { count, inputs, targets: { [onlyTarget]: { kind: "labels", classes: classOf.length, values: classes } } };
}
