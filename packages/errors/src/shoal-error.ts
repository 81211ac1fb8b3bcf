/** The one error class. It is plain data plus a message, so it survives every border unchanged. */
import { errorTable, isErrorCode, type ErrorCode, type ErrorRow } from "./error-table.ts";

/** What an error says beside its code: names and numbers only, so that it can cross any wire. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** The form an error has on a wire (NATS bodies, the `shoal-error` gRPC trailer, `--json` output). */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/**
 * An error with a code of the {@link errorTable}. The code stands first in the message because most tools show
 * nothing else. Narrow with {@link isShoalError}, never with `instanceof`: packages may be installed twice.
 */
export class ShoalError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "ShoalError";
  readonly code: C;
  readonly details: ErrorDetails;

  /** @param sentence what happened, with the numbers in it, and what to do; without the code */
  constructor(code: C, sentence: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(`[${code}] ${sentence}`, options);
    this.code = code;
    this.details = details;
  }

  get row(): ErrorRow {
    return errorTable[this.code];
  }

  toJSON(): SerializedError {
    return { code: this.code, message: this.message, details: this.details };
  }

  /** Turns anything that was thrown into a ShoalError; what is not one already becomes `internal`. */
  static from(error: unknown): ShoalError {
    if (isShoalError(error)) return error;
    const sentence = error instanceof Error ? error.message : String(error);
    return new ShoalError("internal", sentence, {}, { cause: error });
  }

  /** Rebuilds an error that came over a wire. An unknown code (a newer peer's) becomes `internal`. */
  static deserialize(serialized: { code: string; message: string; details?: ErrorDetails }): ShoalError {
    const code = isErrorCode(serialized.code) ? serialized.code : "internal";
    const sentence = serialized.message.replace(/^\[[a-z_]+\] /, "");
    return new ShoalError(code, sentence, serialized.details ?? {});
  }
}

/** Structural check: true across duplicated packages and for errors rebuilt from a wire. */
export function isShoalError(error: unknown): error is ShoalError;
export function isShoalError<C extends ErrorCode>(error: unknown, code: C): error is ShoalError<C>;
export function isShoalError(error: unknown, code?: ErrorCode): boolean {
  if (!(error instanceof Error) || error.name !== "ShoalError") return false;
  const found: unknown = (error as ShoalError).code;
  return isErrorCode(found) && (code === undefined || found === code);
}
