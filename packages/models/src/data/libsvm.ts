/** The LIBSVM format: `label index:value index:value …  # comment`, indices from 1 and ascending. */
import { corruptLine, createLineSplitter, type LineSplitter, type TextLine } from "./line-splitter.ts";
import { featureLimit } from "./sparse-spec.ts";

/** Overwritten for each row. */
export interface SparseRow {
  label: number;
  /** Entries of the row. */
  length: number;
  /** Features, from 0. At least `length` long. */
  indices: number[];
  values: number[];
}

/** @param onRow borrows the row until it returns @throws ShoalError data_corrupt with line and byte */
export function createLibsvmRows(
  file: string,
  features: number | undefined,
  onRow: (row: SparseRow, line: TextLine) => void,
): LineSplitter {
  const row: SparseRow = { label: 0, length: 0, indices: [], values: [] };
  let rows = 0;
  const splitter = createLineSplitter(file, (line) => {
    const fail = (sentence: string): never => {
      throw corruptLine(file, line, sentence);
    };
    if (!parseRow(line.text, features ?? featureLimit, row, fail)) return;
    rows += 1;
    onRow(row, line);
  });
  return {
    push: (piece) => splitter.push(piece),
    end() {
      splitter.end();
      if (rows === 0) throw corruptLine(file, { line: 1, position: 0 }, "the file has no rows");
    },
  };
}

/** @returns false for a line with nothing but a comment */
function parseRow(line: string, features: number, into: SparseRow, fail: (sentence: string) => never): boolean {
  const comment = line.indexOf("#");
  const [label, ...entries] = (comment < 0 ? line : line.slice(0, comment)).trim().split(/\s+/);
  if (label === undefined || label === "") return false;
  into.label = numberOf(label, "a label", fail);
  let last = -1;
  into.length = 0;
  for (const entry of entries) {
    const colon = entry.indexOf(":");
    if (colon < 1) fail(`expected index:value, found ${JSON.stringify(entry.slice(0, 60))}`);
    const name = entry.slice(0, colon);
    if (name === "qid") continue; // groups of ranking data say nothing about a single row
    const index = /^\d+$/.test(name) ? Number(name) - 1 : Number.NaN;
    if (!(index >= 0 && index < features)) fail(`expected an index from 1 to ${features}, found ${name.slice(0, 60)}`);
    if (index <= last) fail(`expected ascending indices, found ${index + 1} behind ${last + 1}`);
    last = index;
    into.indices[into.length] = index;
    into.values[into.length] = numberOf(entry.slice(colon + 1), `the value of ${name}`, fail);
    into.length += 1;
  }
  return true;
}

function numberOf(text: string, what: string, fail: (sentence: string) => never): number {
  const number = text === "" ? Number.NaN : Number(text);
  return Number.isFinite(number)
    ? number
    : fail(`${what}: expected a number, got ${JSON.stringify(text.slice(0, 60))}`);
}
