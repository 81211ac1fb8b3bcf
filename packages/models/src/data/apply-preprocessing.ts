/** Applies a model's preprocessing to rows that are at hand. Files go through `loadRows` in `host`. */
import { ShoalError } from "@shoal/errors";
import type { Split } from "./dataset.ts";
import { createTableEncoder, tableLayout, wantedColumns } from "./encode-table.ts";
import { sparseEncoder, sparseLayout } from "./fit-sparse.ts";
import { createMemorySink } from "./memory-sink.ts";
import type { Preprocessing } from "./preprocessing.ts";
import type { RawValue } from "./raw-rows.ts";

/** A row of a table by the names of its columns. */
export type RawTableRow = Readonly<Record<string, RawValue>>;

/** Features from 0, ascending. */
export interface RawSparseRow {
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

const rowsName = "the given rows";

/**
 * Encodes rows of a table as they were for training. A column that a row lacks is null. The split has targets when the
 * first row has their columns.
 * @throws ShoalError data_corrupt, naming row and column; TypeError for a model of other data
 */
export function applyToTable(preprocessing: Preprocessing, rows: readonly RawTableRow[]): Split {
  const full = tableLayout(preprocessing);
  const wanted = wantedColumns(preprocessing, full);
  const [first = {}] = rows;
  const layout = wanted.every((column) => Object.hasOwn(first, column)) ? full : tableLayout(preprocessing, false);
  const sink = createMemorySink(layout, rows.length);
  const columns = Object.keys(first);
  const encoder = createTableEncoder(preprocessing, layout, { file: rowsName, unit: "row" }, () => sink);
  encoder.columns(columns, 0);
  for (const [index, row] of rows.entries()) {
    const values = columns.map((column) => row[column] ?? null);
    encoder.row(values, index);
  }
  return sink.split();
}

/** @throws ShoalError data_corrupt for a feature that the model does not have; TypeError for a model of other data */
export function applyToSparse(preprocessing: Preprocessing, rows: readonly RawSparseRow[]): Split {
  const active = rows.reduce((most, { indices }) => Math.max(most, indices.length), 1);
  const layout = sparseLayout(preprocessing, active, false);
  const entries = rows.reduce((sum, { indices }) => sum + indices.length, 0);
  const sink = createMemorySink(layout, rows.length, entries);
  const write = sparseEncoder(preprocessing, layout, sink);
  const [input] = Object.values(preprocessing.inputs);
  const features = input?.kind === "sparse" ? input.features : 0;
  for (const [index, { indices, values }] of rows.entries()) {
    const isFine = indices.every((feature, at) => feature > (indices[at - 1] ?? -1) && feature < features);
    if (!isFine) {
      const sentence = `${rowsName}: expected ascending features from 0 to ${features - 1} (row ${index})`;
      throw new ShoalError("data_corrupt", sentence, { file: rowsName, row: index });
    }
    const row = { label: 0, length: indices.length, indices: [...indices], values: [...values] };
    write(row, rowsName, { text: "", line: index, position: 0 });
  }
  return sink.split();
}
