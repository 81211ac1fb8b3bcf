/** Cuts bytes into lines of text, so that every complaint can name line and byte. */
import { ShoalError } from "@shoal/errors";

export interface TextLine {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** Of the line's first byte in the (unpacked) file. */
  readonly position: number;
}

export interface LineSplitter {
  /** Borrows the piece; calls back for each line that it completes. */
  push(piece: Uint8Array): void;
  /** Ends the file; calls back for a last line without a line break. */
  end(): void;
}

/** Most bytes of one line. */
export const lineLimit: number = 2 ** 26;
const newline = 0x0a;

export function corruptLine(
  file: string,
  { line, position }: Pick<TextLine, "line" | "position">,
  sentence: string,
): ShoalError {
  const where = `line ${line}, byte ${position}`;
  return new ShoalError("data_corrupt", `${file}: ${sentence} (${where})`, { file, line, position });
}

/** Line breaks are LF or CRLF; blank lines are counted but not given out. @throws ShoalError data_corrupt from all calls */
export function createLineSplitter(file: string, onLine: (line: TextLine) => void): LineSplitter {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  let line = 1;
  let position = 0;
  const keep = (piece: Uint8Array): void => {
    keptBytes += piece.length;
    if (keptBytes > lineLimit) throw corruptLine(file, { line, position }, `a line is longer than ${lineLimit} bytes`);
    kept.push(piece);
  };
  const endLine = (): void => {
    const bytes = joined(kept, keptBytes);
    const text = decode(decoder, bytes, file, line, position);
    if (text.trim() !== "") onLine({ text: text.endsWith("\r") ? text.slice(0, -1) : text, line, position });
    line += 1;
    position += bytes.length + 1;
    kept = [];
    keptBytes = 0;
  };
  return {
    push(piece) {
      let begin = 0;
      for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, begin)) {
        keep(piece.subarray(begin, end));
        endLine();
        begin = end + 1;
      }
      // A copy: the piece is borrowed.
      if (begin < piece.length) keep(piece.slice(begin));
    },
    end() {
      if (keptBytes > 0) endLine();
    },
  };
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function decode(decoder: TextDecoder, bytes: Uint8Array, file: string, line: number, position: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    const at = { line, position: position + invalidByte(bytes) };
    throw corruptLine(file, at, "the text is not UTF-8");
  }
}

/** The first byte that makes `bytes` wrong UTF-8 (RFC 3629); the length when nothing does. */
export function invalidByte(bytes: Uint8Array): number {
  const isFine = (end: number): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, end), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let [fine, wrong] = [0, bytes.length + 1];
  while (wrong - fine > 1) {
    const middle = (fine + wrong) >>> 1;
    if (middle <= bytes.length && isFine(middle)) fine = middle;
    else wrong = middle;
  }
  return fine;
}
