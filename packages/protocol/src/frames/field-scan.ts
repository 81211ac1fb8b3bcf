/**
 * Walks over the top-level fields of a protobuf message that has not arrived in full, to find where its payload begins.
 *
 * Source  Wire format: https://protobuf.dev/programming-guides/encoding/#structure
 */
import { readVarint, skipVarint } from "./varint.ts";

/** Field number of the payload in requests and responses: the highest of the message. */
export const payloadField = 15;
/** Tag of the payload: field 15, length-delimited; one byte on the wire. */
export const payloadTag: number = (payloadField << 3) | 2;

export type FieldScan =
  /** A field other than the payload ends before `next`. */
  | { readonly kind: "field"; readonly next: number }
  /** The payload's bytes are `[begin, begin + length)`. */
  | { readonly kind: "payload"; readonly begin: number; readonly length: number }
  /** At least this many further bytes are needed to say. */
  | { readonly kind: "more"; readonly bytes: number }
  | { readonly kind: "invalid"; readonly reason: string };

const more = (bytes: number): FieldScan => ({ kind: "more", bytes });
const invalid = (reason: string): FieldScan => ({ kind: "invalid", reason });

/** Looks at the field that begins at `start` of `bytes[0, end)`. Borrows `bytes`. */
export function scanField(bytes: Uint8Array, start: number, end: number): FieldScan {
  const tag = readVarint(bytes, start, end);
  if (tag === "more") return more(1);
  if (tag === "invalid" || tag.value >>> 3 === 0) return invalid("a field has no valid number");
  if (tag.value >>> 3 === payloadField) return scanPayload(bytes, tag.value & 7, tag.next, end);
  switch (tag.value & 7) {
    case 0: {
      const next = skipVarint(bytes, tag.next, end);
      if (next === "more") return more(1);
      return next === "invalid" ? invalid("a number does not end") : { kind: "field", next };
    }
    case 1:
      return fixed(tag.next + 8, end);
    case 2: {
      const length = readVarint(bytes, tag.next, end);
      if (length === "more") return more(1);
      return length === "invalid" ? invalid("a length is no 32-bit number") : fixed(length.next + length.value, end);
    }
    case 5:
      return fixed(tag.next + 4, end);
    default:
      return invalid(`a field has the wire type ${String(tag.value & 7)}`);
  }
}

function fixed(next: number, end: number): FieldScan {
  return next > end ? more(next - end) : { kind: "field", next };
}

function scanPayload(bytes: Uint8Array, wireType: number, start: number, end: number): FieldScan {
  if (wireType !== 2) return invalid("the payload is not of type bytes");
  const length = readVarint(bytes, start, end);
  if (length === "more") return more(1);
  if (length === "invalid") return invalid("the payload's length is no 32-bit number");
  return { kind: "payload", begin: length.next, length: length.value };
}
