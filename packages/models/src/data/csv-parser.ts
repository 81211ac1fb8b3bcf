/**
 * CSV as rows of text, read piece by piece (RFC 4180): a quoted field may hold delimiters, line breaks and doubled
 * quotes. Line breaks are LF or CRLF; empty lines are skipped.
 */
import { ShoalError } from "@shoal/errors";

export interface CsvParser {
  /** Takes the next piece of the file; calls back for each row that it completes. */
  push(text: string): void;
  /** Ends the file; calls back for a last row without a line break. */
  end(): void;
}

/** @param fields a new array for each row; @param line where the row begins, from 1 */
export type CsvRowHandler = (fields: string[], line: number) => void;

const fieldLimit = 1 << 20;
const columnLimit = 1 << 20;

type Fail = (sentence: string) => never;

/** Collects characters to fields and fields to rows, within bounds. */
interface RowBuilder {
  append(text: string): void;
  endField(): void;
  /** The fields since the last call. */
  takeRow(): string[];
  /** True when nothing was collected since the last row. */
  isEmpty(): boolean;
}

function createRowBuilder(fail: Fail): RowBuilder {
  let field = "";
  let row: string[] = [];
  return {
    append(text) {
      if (field.length + text.length > fieldLimit) fail(`a field is longer than ${fieldLimit} characters`);
      field += text;
    },
    endField() {
      if (row.length === columnLimit) fail(`a row has more than ${columnLimit} fields`);
      row.push(field);
      field = "";
    },
    takeRow() {
      const taken = row;
      row = [];
      return taken;
    },
    isEmpty: () => row.length === 0 && field === "",
  };
}

/** Before a field, in a plain one, in a quoted one, behind a quote inside of a quoted one. */
type Position = "start" | "plain" | "quoted" | "quote";

/** What a character means where it stands. */
type Meaning = "text" | "open" | "close" | "end_field" | "end_row" | "nothing" | "stray_quote" | "stray_text";

function meaningOf(character: string, position: Position, delimiter: string): Meaning {
  if (position === "quoted") return character === '"' ? "close" : "text";
  if (character === delimiter) return "end_field";
  if (character === "\n") return "end_row";
  if (character === "\r") return "nothing";
  if (character === '"') return position === "plain" ? "stray_quote" : "open";
  return position === "quote" ? "stray_text" : "text";
}

/** What can only be text, outside and inside of quotes: taken as a whole, since most of a file is that. */
function textRuns(delimiter: string): { readonly plain: RegExp; readonly quoted: RegExp } {
  const code = (delimiter.codePointAt(0) ?? 0).toString(16);
  return { plain: new RegExp(`[^"\\r\\n\\u{${code}}]+`, "uy"), quoted: /[^"\n]+/uy };
}

/** @throws ShoalError data_corrupt (from `push` and `end`) with file and line */
export function createCsvParser(file: string, delimiter: string, onRow: CsvRowHandler): CsvParser {
  let position: Position = "start";
  let line = 1;
  let rowLine = 1;
  const fail: Fail = (sentence) => {
    throw new ShoalError("data_corrupt", `${file}: ${sentence} (line ${line})`, { file, line });
  };
  const runs = textRuns(delimiter);
  const builder = createRowBuilder(fail);
  const endRow = (): void => {
    if (!builder.isEmpty() || position !== "start") {
      builder.endField();
      onRow(builder.takeRow(), rowLine);
    }
    position = "start";
  };
  const take = (character: string): void => {
    const meaning = meaningOf(character, position, delimiter);
    switch (meaning) {
      case "text":
        if (position === "start") position = "plain";
        builder.append(character);
        return;
      case "open":
        // A quote right behind the closing one stands for itself and goes on with the field.
        if (position === "quote") builder.append(character);
        position = "quoted";
        return;
      case "close":
        position = "quote";
        return;
      case "end_field":
        builder.endField();
        position = "start";
        return;
      case "end_row":
        endRow();
        return;
      case "nothing":
        return;
      case "stray_quote":
        return fail("a quote inside of a field that does not begin with one");
      case "stray_text":
        return fail(`expected a delimiter behind a closing quote, found ${character}`);
    }
  };
  return {
    push(text) {
      for (let at = 0; at < text.length;) {
        const run = position === "quoted" ? runs.quoted : runs.plain;
        run.lastIndex = at;
        if (position !== "quote" && run.test(text)) {
          builder.append(text.slice(at, run.lastIndex));
          if (position === "start") position = "plain";
          at = run.lastIndex;
          continue;
        }
        const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
        at += character.length;
        take(character);
        if (character !== "\n") continue;
        line += 1;
        if (position !== "quoted") rowLine = line;
      }
    },
    end() {
      if (position === "quoted") fail(`the quote opened in the row of line ${rowLine} is not closed`);
      endRow();
    },
  };
}
