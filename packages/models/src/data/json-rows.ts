/** The rows of a file of JSON lines: one object a line; the keys of the first one are the columns. */
import type { RawValue, TableVisitor } from "./raw-rows.ts";
import { corruptLine, createLineSplitter, type LineSplitter, type TextLine } from "./line-splitter.ts";

/** @param visitor sees values that are numbers, texts, booleans, null, or lists of numbers; keys that only later rows have are ignored */
export function createJsonRows(file: string, visitor: TableVisitor): LineSplitter {
  let columns: readonly string[] | undefined;
  const onLine = (line: TextLine): void => {
    const object = parseLine(file, line);
    if (columns === undefined) {
      columns = Object.keys(object);
      visitor.columns(columns, line.line);
    }
    visitor.row(
      columns.map((column) => (Object.hasOwn(object, column) ? rawValue(object[column]) : null)),
      line.line,
    );
  };
  const splitter = createLineSplitter(file, onLine);
  return {
    push: (piece) => splitter.push(piece),
    end() {
      splitter.end();
      if (columns === undefined) throw corruptLine(file, { line: 1, position: 0 }, "the file has no rows");
    },
  };
}

function parseLine(file: string, line: TextLine): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line.text);
  } catch (error) {
    throw corruptLine(file, line, `this is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  throw corruptLine(file, line, "expected a JSON object");
}

/** Null for what is missing or no column may hold (dates, structures): whoever reads the column complains. */
export function rawValue(value: unknown): RawValue {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return value;
    case "bigint":
      return Number(value);
    default:
      return isNumbers(value) ? Array.from(value, Number) : null;
  }
}

function isNumbers(value: unknown): value is Iterable<number | bigint> & ArrayLike<number | bigint> {
  if (ArrayBuffer.isView(value)) return !(value instanceof DataView);
  return Array.isArray(value) && value.every((element) => typeof element === "number" || typeof element === "bigint");
}
