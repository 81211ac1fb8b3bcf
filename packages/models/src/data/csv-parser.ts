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

interface Reading {
  position: Position;
  line: number;
  /** Where the row begins. */
  rowLine: number;
}

/** @returns a function that moves on by one character, which no run has taken */
function characterTaker(
  reading: Reading,
  builder: RowBuilder,
  delimiter: string,
  endRow: () => void,
  fail: Fail,
): (character: string) => void {
  const act = (meaning: Meaning, character: string): void => {
    switch (meaning) {
      case "text":
        if (reading.position === "start") reading.position = "plain";
        return builder.append(character);
      case "open":
        // A quote right behind the closing one stands for itself and goes on with the field.
        if (reading.position === "quote") builder.append(character);
        reading.position = "quoted";
        return;
      case "close":
        reading.position = "quote";
        return;
      case "end_field":
        builder.endField();
        reading.position = "start";
        return;
      case "end_row":
        return endRow();
      case "nothing":
        return;
      case "stray_quote":
        return fail("a quote inside of a field that does not begin with one");
      case "stray_text":
        return fail(`expected a delimiter behind a closing quote, found ${character}`);
    }
  };
  return (character) => {
    act(meaningOf(character, reading.position, delimiter), character);
    if (character !== "\n") return;
    reading.line += 1;
    if (reading.position !== "quoted") reading.rowLine = reading.line;
  };
}

/** @throws ShoalError data_corrupt (from `push` and `end`) with file and line */
export function createCsvParser(file: string, delimiter: string, onRow: CsvRowHandler): CsvParser {
  const reading: Reading = { position: "start", line: 1, rowLine: 1 };
  const fail: Fail = (sentence) => {
    const { line } = reading;
    throw new ShoalError("data_corrupt", `${file}: ${sentence} (line ${line})`, { file, line });
  };
  const runs = textRuns(delimiter);
  const builder = createRowBuilder(fail);
  const endRow = (): void => {
    if (!builder.isEmpty() || reading.position !== "start") {
      builder.endField();
      onRow(builder.takeRow(), reading.rowLine);
    }
    reading.position = "start";
  };
  const take = characterTaker(reading, builder, delimiter, endRow, fail);
  return {
    push(text) {
      let at = 0;
      while (at < text.length) {
        const run = reading.position === "quoted" ? runs.quoted : runs.plain;
        run.lastIndex = at;
        if (reading.position !== "quote" && run.test(text)) {
          builder.append(text.slice(at, run.lastIndex));
          if (reading.position === "start") reading.position = "plain";
          at = run.lastIndex;
          continue;
        }
        const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
        at += character.length;
        take(character);
      }
    },
    end() {
      if (reading.position === "quoted") fail(`the quote opened in the row of line ${reading.rowLine} is not closed`);
      endRow();
    },
  };
}
