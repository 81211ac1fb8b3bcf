/** Whether a model and a data set fit together; asked before a job starts. */
import { ShoalError } from "@shoal/errors";
import { describeColumnShape, type ColumnShape, type DatasetShape } from "./column-shape.ts";
import { modelFaceOf, type OutputFace } from "./model-face.ts";
import { pairNames } from "./pair-names.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import { elementsOf, type ValueShape } from "../spec/value-shape.ts";

type Fail = (sentence: string) => never;

function failAt(path: string): Fail {
  return (sentence) => {
    throw new ShoalError("invalid_argument", `${path}: ${sentence}`, { path });
  };
}

/** @throws ShoalError invalid_argument when names, widths, classes or the kind of a loss do not fit */
export function checkDatasetFits(spec: ModelSpec, dataset: DatasetShape): void {
  const { inputs, outputs } = modelFaceOf(spec);
  for (const [name, shape, column] of pairsOf(inputs, dataset.inputs, "model.inputs", dataset.name)) {
    checkInput(shape, column, dataset.name, failAt(pathOf("model.inputs", name, inputs)));
  }
  for (const [name, output, column] of pairsOf(outputs, dataset.targets, "model.layers", dataset.name)) {
    const isOnly = Object.keys(outputs).length === 1;
    const fail =
      (path: string): Fail =>
      (sentence) =>
        failAt(path)(isOnly ? sentence : `output ${name}: ${sentence}`);
    checkOutput(output, column, dataset.name, fail("model.layers"), fail("model.loss.type"));
  }
}

/** A model with a single input has no names in its messages. */
function pathOf(path: string, name: string, all: Readonly<Record<string, unknown>>): string {
  return Object.keys(all).length === 1 ? path : `${path}.${name}`;
}

function pairsOf<T>(
  wanted: Readonly<Record<string, T>>,
  columns: Readonly<Record<string, ColumnShape>>,
  path: string,
  dataset: string,
): [name: string, wanted: T, column: ColumnShape][] {
  const names = pairNames(Object.keys(wanted), Object.keys(columns));
  return Object.entries(wanted).map(([name, value]) => {
    const column = columns[names.get(name) ?? name];
    if (column !== undefined) return [name, value, column];
    const has = Object.keys(columns).join(", ") || "none";
    return failAt(pathOf(path, name, wanted))(`${dataset} has no column ${name}; it has ${has}`);
  });
}

function checkInput(shape: ValueShape, column: ColumnShape, dataset: string, fail: Fail): void {
  switch (shape.kind) {
    case "floats": {
      const width =
        widthOf(column) ?? fail(`expected ${describeColumnShape(column)}, a sample of ${dataset}, got numbers`);
      const elements = elementsOf(shape.shape);
      if (elements !== width) fail(`expected ${width}, the features of a sample of ${dataset}, got ${elements}`);
      return;
    }
    case "tokens": {
      if (column.kind !== "tokens")
        return fail(`expected ${describeColumnShape(column)}, a sample of ${dataset}, got tokens`);
      const length = elementsOf(shape.shape);
      if (length !== column.length) fail(`expected ${column.length} tokens, a sample of ${dataset}, got ${length}`);
      if (shape.vocabulary < column.vocabulary) {
        fail(`expected a vocabulary of at least ${column.vocabulary}, that of ${dataset}, got ${shape.vocabulary}`);
      }
      return;
    }
    case "sparse": {
      if (column.kind !== "sparse")
        return fail(`expected ${describeColumnShape(column)}, a sample of ${dataset}, got sparse rows`);
      if (shape.features < column.features) {
        fail(`expected at least ${column.features} features, those of ${dataset}, got ${shape.features}`);
      }
      if (shape.active < column.active) {
        fail(
          `expected at least ${column.active} active features, the most of a sample of ${dataset}, got ${shape.active}`,
        );
      }
    }
  }
}

/** Numbers that a dense input takes; sparse rows are spread out. */
function widthOf(column: ColumnShape): number | undefined {
  if (column.kind === "floats") return column.width;
  return column.kind === "sparse" ? column.features : undefined;
}

function checkOutput(output: OutputFace, column: ColumnShape, dataset: string, fail: Fail, failLoss: Fail): void {
  const { shape, loss } = output;
  const outputs = elementsOf(shape);
  if (loss.type === "softmax_cross_entropy") {
    if (column.kind === "tokens") return checkTokens(shape, column, dataset, fail);
    if (column.kind !== "labels") {
      return failLoss(`${dataset} has numbers to predict, not classes; expected mean_squared_error or huber`);
    }
    checkOneRow(shape, dataset, fail);
    if (outputs < column.classes) {
      fail(`expected at least ${column.classes} outputs, the classes of ${dataset}, got ${outputs}`);
    }
    return;
  }
  if (loss.type === "distillation" && loss.teacher === undefined && column.kind === "labels") {
    return failLoss(`${dataset} has classes to predict, not a teacher's logits; expected a teacher`);
  }
  if (column.kind === "tokens") return failLoss(`${dataset} has tokens to predict; expected softmax_cross_entropy`);
  const classes = column.kind === "labels" ? column.classes : 0;
  const targets = column.kind === "floats" ? column.width : classes <= 2 ? 1 : classes;
  if (outputs !== targets && outputs !== classes) {
    fail(`expected ${targets} outputs, the targets of ${dataset}, got ${outputs}`);
  }
}

/** A sample has one class, so its logits are one row; what a dense layer makes of an image without `flatten` is many. */
function checkOneRow(shape: readonly number[], dataset: string, fail: Fail): void {
  const rows = elementsOf(shape) / (shape.at(-1) ?? 1);
  if (rows === 1) return;
  const found = `${rows} (${shape.join("×")})`;
  fail(
    `expected one row of outputs for the class of a sample of ${dataset}, got ${found}; is there a flatten missing?`,
  );
}

/** A language model gives logits [positions, vocabulary]. */
function checkTokens(
  shape: readonly number[],
  { length, vocabulary }: Extract<ColumnShape, { kind: "tokens" }>,
  dataset: string,
  fail: Fail,
): void {
  const width = shape.at(-1) ?? 1;
  const positions = elementsOf(shape) / width;
  if (positions !== length) fail(`expected outputs for ${length} positions, those of ${dataset}, got ${positions}`);
  if (width < vocabulary) fail(`expected at least ${vocabulary} outputs, the tokens of ${dataset}, got ${width}`);
}
