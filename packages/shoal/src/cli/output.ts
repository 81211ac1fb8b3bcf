/** What the command line writes, and where: results on stdout, everything for people's eyes on stderr under --json. */
import { isShoalError, ShoalError } from "@shoal/errors";

export interface Output {
  readonly json: boolean;
  /** A line for people; silent under --json. */
  line(text?: string): void;
  /** One JSON value on one line; silent without --json. */
  value(value: unknown): void;
  /** Says what went wrong: a sentence, or the error as JSON. */
  error(error: unknown): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    line: (text = "") => {
      if (!json) process.stdout.write(`${text}\n`);
    },
    value: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
    },
    error: (error) => {
      const known = ShoalError.from(error);
      if (json) process.stdout.write(`${JSON.stringify({ type: "error", error: known })}\n`);
      else process.stderr.write(`shoal: ${describeError(error)}\n`);
    },
  };
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
