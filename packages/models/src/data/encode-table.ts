/** Applies a table's preprocessing to rows, one at a time. */
import type { StoredContent } from "./column.ts";
import type { InputPreprocessing, Preprocessing, TargetPreprocessing } from "./preprocessing.ts";
import { corruptAt, shortList, type RawValue, type RowPlace, type TableVisitor } from "./raw-rows.ts";
import { expectWidth, numberOf, textOf } from "./raw-values.ts";
import { recordLayout, type RecordLayout, type RowSink } from "./record-layout.ts";

type Fail = (sentence: string) => never;
type TableInput = Extract<InputPreprocessing, { kind: "columns" }>;

/** @param hasTargets false: the answers are not known */
export function tableLayout(
  { inputs, targets }: Pick<Preprocessing, "inputs" | "targets">,
  hasTargets = true,
): RecordLayout {
  const entries = Object.entries(inputs).map(([name, input]): [string, StoredContent] => {
    return [name, { kind: "floats", width: inputWidth(tableInput(input)) }];
  });
  const answers = Object.entries(targets).map(([name, target]): [string, StoredContent] => [
    name,
    targetContent(target),
  ]);
  return recordLayout(Object.fromEntries(entries), hasTargets ? Object.fromEntries(answers) : {});
}

function tableInput(input: InputPreprocessing): TableInput {
  if (input.kind === "columns") return input;
  throw new TypeError(`inputs of ${input.kind} are not columns of a table`);
}

function inputWidth({ columns }: TableInput): number {
  return columns.reduce((sum, column) => sum + (column.kind === "number" ? column.width : column.categories.length), 0);
}

function targetContent(target: TargetPreprocessing): StoredContent {
  if (target.kind === "classes") return { kind: "labels", classes: target.names.length };
  if (target.kind === "numbers") return { kind: "floats", width: target.columns.length };
  throw new TypeError("a table has no next tokens");
}

/** Writes one column's part of a row. */
type WriteValue = (values: readonly RawValue[], fail: Fail) => void;

/**
 * Encodes the rows that it visits into the sink that `sinkOf` names for them.
 * @param layout of the records of all sinks, from `tableLayout`
 */
export function createTableEncoder(
  preprocessing: Pick<Preprocessing, "inputs" | "targets">,
  layout: RecordLayout,
  place: RowPlace,
  sinkOf: (row: number) => RowSink,
): TableVisitor {
  const bound = new Map<RowSink, readonly WriteValue[]>();
  let names: readonly string[] = [];
  let count = 0;
  return {
    columns(found, at) {
      names = found;
      for (const column of wantedColumns(preprocessing, layout)) {
        if (!found.includes(column))
          throw corruptAt(place, at, `there is no column ${column}; the columns are ${shortList(found)}`);
      }
    },
    row(values, at) {
      const sink = sinkOf(count);
      count += 1;
      let writers = bound.get(sink);
      if (writers === undefined) bound.set(sink, (writers = writersOf(preprocessing, layout, names, sink.record)));
      const fail: Fail = (sentence) => {
        throw corruptAt(place, at, sentence);
      };
      for (const write of writers) write(values, fail);
      sink.push();
    },
  };
}

/** The raw columns that a layout is made of. */
export function wantedColumns(
  { inputs, targets }: Pick<Preprocessing, "inputs" | "targets">,
  layout: RecordLayout,
): readonly string[] {
  const hasTargets = layout.columns.some(({ group }) => group === "targets");
  const answers = Object.values(targets).flatMap((target) => {
    if (target.kind === "classes") return [target.column];
    return target.kind === "numbers" ? target.columns : [];
  });
  const columns = Object.values(inputs).flatMap((input) => tableInput(input).columns.map(({ column }) => column));
  return [...columns, ...(hasTargets ? answers : [])];
}

function writersOf(
  { inputs, targets }: Pick<Preprocessing, "inputs" | "targets">,
  layout: RecordLayout,
  names: readonly string[],
  record: ArrayBuffer,
): readonly WriteValue[] {
  return layout.columns.flatMap(({ group, name, at, content }) => {
    const target = targets[name];
    if (group === "targets" && target !== undefined) return targetWriters(target, names, record, at);
    const input = inputs[name];
    if (input === undefined || content.kind !== "floats") return [];
    return inputWriters(tableInput(input), names, new Float32Array(record, at, content.width));
  });
}

function inputWriters({ columns }: TableInput, names: readonly string[], into: Float32Array): readonly WriteValue[] {
  let at = 0;
  return columns.map((encoding): WriteValue => {
    const { column } = encoding;
    const index = names.indexOf(column);
    const begin = at;
    if (encoding.kind === "category") {
      const numbers = new Map(encoding.categories.map((text, number) => [text, number]));
      at += numbers.size;
      return (values, fail) => {
        into.fill(0, begin, begin + numbers.size);
        const number = numbers.get(textOf(values[index] ?? null, column, fail));
        if (number !== undefined) into[begin + number] = 1;
      };
    }
    const { width, mean, deviation } = encoding;
    at += width;
    return (values, fail) => {
      const value = values[index] ?? null;
      expectWidth(value, width, column, fail);
      for (let element = 0; element < width; element += 1) {
        const number = numberOf(value, element, column, fail);
        into[begin + element] = (number - (mean?.[element] ?? 0)) / (deviation?.[element] ?? 1);
      }
    };
  });
}

function targetWriters(
  target: TargetPreprocessing,
  names: readonly string[],
  record: ArrayBuffer,
  at: number,
): readonly WriteValue[] {
  if (target.kind === "classes") {
    const index = names.indexOf(target.column);
    const numbers = new Map(target.names.map((text, number) => [text, number]));
    const into = new Int32Array(record, at, 1);
    return [
      (values, fail) => {
        const text = textOf(values[index] ?? null, target.column, fail);
        into[0] = numbers.get(text) ?? fail(`column ${target.column}: the class ${JSON.stringify(text)} is unknown`);
      },
    ];
  }
  if (target.kind !== "numbers") return [];
  const into = new Float32Array(record, at, target.columns.length);
  return target.columns.map((column, element): WriteValue => {
    const index = names.indexOf(column);
    return (values, fail) => {
      into[element] = numberOf(values[index] ?? null, 0, column, fail);
    };
  });
}
