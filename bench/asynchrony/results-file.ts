/** Results of cells as lines of a file: an interrupted study goes on where it was. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { keyOf, type Cell, type CellResult } from "./cell.ts";

export interface ResultsFile {
  find(cell: Cell): CellResult | undefined;
  add(cell: Cell, result: CellResult): void;
}

interface Line {
  readonly data: string;
  readonly cell: Cell;
  readonly result: CellResult;
}

/** @param data - name of the data set; results on another one are passed over */
export function openResults(file: string, data: string): ResultsFile {
  mkdirSync(dirname(file), { recursive: true });
  const known = new Map<string, CellResult>();
  for (const line of existsSync(file) ? readFileSync(file, "utf8").split("\n") : []) {
    const parsed = parse(line);
    if (parsed?.data === data) known.set(keyOf(parsed.cell), parsed.result);
  }
  return {
    find: (cell) => known.get(keyOf(cell)),
    add(cell, result) {
      known.set(keyOf(cell), result);
      appendFileSync(file, `${JSON.stringify({ data, cell, result } satisfies Line)}\n`);
    },
  };
}

/** @returns undefined for an empty line, and for the last one of a study that was killed while it wrote */
function parse(line: string): Line | undefined {
  try {
    return line === "" ? undefined : (JSON.parse(line) as Line);
  } catch {
    return undefined;
  }
}
