/** What the command line writes, and where: results on stdout, errors on stderr; under --json values on stdout only. */
import { isShoalError, ShoalError } from "@shoal/errors";
import { commandName } from "../environment/command-name.ts";

/** Where people read: a terminal, a pipe, a file. */
export interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Output {
  readonly json: boolean;
  /** Columns of the terminal that {@link live} redraws in; undefined where nothing can be redrawn, or nobody looks. */
  readonly width: number | undefined;
  /** A line for people; silent under --json. It goes above the live line. */
  line(text?: string): void;
  /** Redraws the live line, cut to the terminal's width; call it only where `width` is defined. */
  live(text: string): void;
  /** Leaves the live line standing as an ordinary one. */
  settle(): void;
  /** One JSON value on one line; silent without --json. */
  value(value: unknown): void;
  /** Says what went wrong: a sentence, or the error as JSON. */
  error(error: unknown): void;
}

const clearLine = "\r\u001b[2K";
/** Of a terminal that does not say. */
const usualWidth = 80;

export function createOutput(json: boolean, stream: TextStream = process.stdout): Output {
  const redraws = !json && stream.isTTY === true && process.env["NO_COLOR"] === undefined;
  const widthNow = (): number | undefined => (redraws ? columnsOf(stream) : undefined);
  let standing: string | null = null;
  const draw = (text: string): void =>
    void stream.write(`${clearLine}${text.slice(0, (widthNow() ?? usualWidth) - 1)}`);
  const settle = (): void => {
    if (standing !== null) stream.write("\n");
    standing = null;
  };
  return {
    json,
    get width() {
      return widthNow();
    },
    line: (text = "") => {
      if (json) return;
      stream.write(`${standing === null ? "" : clearLine}${asCalledHere(text)}\n`);
      if (standing !== null) draw(standing);
    },
    live: (text) => {
      standing = text;
      draw(text);
    },
    settle,
    value: (value) => {
      if (json) stream.write(`${JSON.stringify(value)}\n`);
    },
    error: (error) => {
      settle();
      const known = ShoalError.from(error);
      if (json) stream.write(`${JSON.stringify({ type: "error", error: known })}\n`);
      else process.stderr.write(`shoal: ${asCalledHere(describeError(error))}\n`);
    },
  };
}

/** A terminal that was never told its size says 0. */
function columnsOf({ columns = 0 }: TextStream): number {
  return columns > 0 ? columns : usualWidth;
}

/** Sentences name commands as `shoal …`, wherever they were made; people may have to call it otherwise. */
function asCalledHere(sentence: string): string {
  return sentence.replaceAll("`shoal ", `\`${commandName(process.env)} `);
}

/** One sentence for an expected error; the stack as well for a bug. */
export function describeError(error: unknown): string {
  if (isShoalError(error) && error.code !== "internal") return error.message.replace(/^\[([a-z_]+)\] /, "$1: ");
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Exit code of a failed command: the error table's. */
export function exitCodeOf(error: unknown): number {
  return ShoalError.from(error).row.exitCode;
}
