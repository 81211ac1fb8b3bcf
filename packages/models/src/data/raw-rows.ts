/** Rows of a table as they stand in a file, before they are numbers. */
import { ShoalError } from "@shoal/errors";

export type RawValue = string | number | boolean | null | readonly number[];

/** Where a row stands: a line of a text file (from 1), or a row of a binary one (from 0). */
export interface RowPlace {
  readonly file: string;
  readonly unit: "line" | "row";
}

export interface TableVisitor {
  /** Called once, before the first row. */
  columns(names: readonly string[], at: number): void;
  /** @param values one for each column; borrowed for the call @param at the row's line or number */
  row(values: readonly RawValue[], at: number): void;
}

/** A file that can be read from its beginning as often as needed; it is never in memory as a whole. */
export interface TableSource extends RowPlace {
  /** @throws ShoalError data_corrupt, data_not_found; and whatever the visitor throws */
  read(visitor: TableVisitor): Promise<void>;
}

export function corruptAt({ file, unit }: RowPlace, at: number, sentence: string): ShoalError {
  return new ShoalError("data_corrupt", `${file}: ${sentence} (${unit} ${at})`, { file, [unit]: at });
}

const listed = 8;

/** The first names of a list that may be long. */
export function shortList(names: readonly string[]): string {
  return names.length > listed ? `${names.slice(0, listed).join(", ")}, … (${names.length})` : names.join(", ");
}
