/** Rows of text become numbers and labels; every complaint names file, line and column. */
import { ShoalError } from "@shoal/errors";
import type { CsvDatasetSpec } from "./dataset-spec.ts";
import { createCsvParser, type CsvParser } from "./csv-parser.ts";
import { createGrowingFloats, type GrowingFloats } from "./growing-floats.ts";

/** Distinct label texts in the order they were met, shared by the files of one data set. */
export type LabelTexts = Map<string, number>;

export interface CsvTable {
  /** Columns without the label. */
  readonly features: number;
  readonly rows: number;
  /** [rows, features]. */
  readonly values: GrowingFloats;
  /** [rows]: indices into the label texts, or the numbers to predict. */
  readonly labels: GrowingFloats;
}

export interface CsvTableReader extends CsvParser {
  /** The table so far; call after `end`. @throws ShoalError data_corrupt when there are no rows */
  table(): CsvTable;
}

/** Most values of one file: 2 GiB of float32. */
const valueLimit = 2 ** 29;
const classLimit = 65_536;

/** @param texts is filled with the labels of this file */
export function createCsvTableReader(file: string, spec: CsvDatasetSpec, texts: LabelTexts): CsvTableReader {
  const values = createGrowingFloats(valueLimit, file);
  const labels = createGrowingFloats(valueLimit, file);
  let columns: readonly string[] | undefined;
  let labelIndex = -1;

  const fail = (line: number, sentence: string): never => {
    throw new ShoalError("data_corrupt", `${file}: ${sentence} (line ${line})`, { file, line });
  };
  const start = (fields: readonly string[], line: number, isHeader: boolean): readonly string[] => {
    const names = isHeader ? fields.map((name) => name.trim()) : fields.map((_, index) => String(index));
    const { labelColumn } = spec;
    labelIndex = typeof labelColumn === "number" ? labelColumn : names.indexOf(labelColumn);
    if (labelIndex < 0 || labelIndex >= names.length) {
      fail(line, `there is no label column ${labelColumn}; the columns are ${shortList(names)}`);
    }
    if (names.length < 2) fail(line, "expected at least one column beside the label");
    columns = names;
    return names;
  };
  const number = (text: string, line: number, column: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!Number.isFinite(value)) fail(line, `column ${column}: expected a number, got ${JSON.stringify(text)}`);
    return value;
  };
  const label = (text: string, line: number, column: string): number => {
    if (spec.labelKind === "number") return number(text, line, column);
    const known = texts.get(text);
    if (known !== undefined) return known;
    if (texts.size === classLimit) fail(line, `column ${column}: more than ${classLimit} different labels`);
    texts.set(text, texts.size);
    return texts.size - 1;
  };
  const onRow = (fields: string[], line: number): void => {
    if (columns === undefined) {
      const isHeader = spec.hasHeader !== false;
      start(fields, line, isHeader);
      if (isHeader) return;
    }
    const names = columns ?? [];
    if (fields.length !== names.length) fail(line, `expected ${names.length} fields, found ${fields.length}`);
    for (const [index, text] of fields.entries()) {
      const column = names[index] ?? String(index);
      if (index === labelIndex) labels.push(label(text.trim(), line, column));
      else values.push(number(text, line, column));
    }
  };

  return {
    ...createCsvParser(file, spec.delimiter ?? ",", onRow),
    table() {
      if (columns === undefined || labels.length === 0) fail(1, "the file has no rows");
      return { features: (columns?.length ?? 1) - 1, rows: labels.length, values, labels };
    },
  };
}

const listed = 8;

function shortList(names: readonly string[]): string {
  return names.length > listed ? `${names.slice(0, listed).join(", ")}, … (${names.length})` : names.join(", ");
}
