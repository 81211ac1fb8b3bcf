/** Protobuf's variable-length unsigned integers (https://protobuf.dev/programming-guides/encoding/#varints). */

/** A varint of a 32-bit value takes at most five bytes; longer ones are refused. */
const maximumLength = 5;

/** What stands at a position: a value and where it ends, "more" when the bytes end first, "invalid" when it is none. */
export type VarintResult = { readonly value: number; readonly next: number } | "more" | "invalid";

/** Reads one varint of at most 32 bits from `bytes[start, end)`. Borrows `bytes`. */
export function readVarint(bytes: Uint8Array, start: number, end: number): VarintResult {
  let value = 0;
  for (let index = 0; index < maximumLength; index++) {
    if (start + index >= end) return "more";
    const byte = bytes[start + index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return value <= 0xffff_ffff ? { value, next: start + index + 1 } : "invalid";
  }
  return "invalid";
}

/** Where the varint that begins at `start` ends; a skipped value may have 64 bits, so up to ten bytes. */
export function skipVarint(bytes: Uint8Array, start: number, end: number): number | "more" | "invalid" {
  for (let index = 0; index < 10; index++) {
    if (start + index >= end) return "more";
    if ((bytes[start + index] ?? 0) < 0x80) return start + index + 1;
  }
  return "invalid";
}

/** Bytes that `value` takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Writes `value` (an unsigned 32-bit integer) at `position`; returns the position behind it. Overwrites `bytes`. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let rest = value;
  let at = position;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}
