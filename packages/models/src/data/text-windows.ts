/** Windows of a row of tokens: what a language model is trained on. */
import type { Column, StoredColumn, WindowColumn } from "./column.ts";
import { onlyInput, onlyTarget, type Split } from "./dataset.ts";
import { sharedBuffer } from "./shared-buffer.ts";

export type TokenArray = WindowColumn["tokens"];

/** The smallest integers that hold all tokens. */
export function tokenArray(vocabulary: number, length: number): TokenArray {
  if (vocabulary <= 2 ** 8) return new Uint8Array(sharedBuffer(length));
  if (vocabulary <= 2 ** 16) return new Uint16Array(sharedBuffer(length * Uint16Array.BYTES_PER_ELEMENT));
  return new Int32Array(sharedBuffer(length * Int32Array.BYTES_PER_ELEMENT));
}

/** Windows that a row of tokens has: each needs one token more than its length, for the last target. */
export function windowCount(tokens: number, length: number, stride: number): number {
  return Math.max(0, Math.floor((tokens - 1 - length) / stride) + 1);
}

export interface Windows {
  readonly vocabulary: number;
  readonly length: number;
  readonly stride: number;
}

/** Inputs and, one token later, targets. Keeps `tokens`. */
export function windowSplit(tokens: TokenArray, { vocabulary, length, stride }: Windows): Split {
  const column = (begin: number): Column => ({ kind: "windows", vocabulary, length, stride, begin, tokens });
  return {
    count: windowCount(tokens.length, length, stride),
    inputs: { [onlyInput]: column(0) },
    targets: { [onlyTarget]: column(1) },
  };
}

const wordBytes = Int32Array.BYTES_PER_ELEMENT;

/** The same for int32 tokens in a file. @param first the token that the split begins with */
export function storedWindowSplit(
  file: string,
  first: number,
  tokens: number,
  { vocabulary, length, stride }: Windows,
): Split {
  const column = (begin: number): StoredColumn => ({
    kind: "stored",
    file,
    recordBytes: stride * wordBytes,
    begin: first * wordBytes,
    at: begin * wordBytes,
    content: { kind: "tokens", length, vocabulary },
  });
  return {
    count: windowCount(tokens, length, stride),
    inputs: { [onlyInput]: column(0) },
    targets: { [onlyTarget]: column(1) },
  };
}
