/** Integers modulo 2^bits as bytes: little-endian, the lowest bit of the first value first, nothing between values. */
import { ShoalError } from "@shoal/errors";

/** Bytes of so many values. */
export function packedBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** Borrows `values`; bits above the lowest `bits` of each are left out. @param bits - 1 … 32 */
export function packBits(values: Uint32Array, bits: number): Uint8Array<ArrayBuffer> {
  checkBits(bits);
  const words = new Uint32Array(Math.ceil((values.length * bits) / 32));
  const mask = lowest(bits);
  let [word, filled, at] = [0, 0, 0];
  for (let index = 0; index < values.length; index++) {
    const value = ((values[index] ?? 0) & mask) >>> 0;
    word |= value << filled;
    filled += bits;
    if (filled >= 32) {
      words[at++] = word;
      filled -= 32;
      word = filled === 0 ? 0 : value >>> (bits - filled);
    }
  }
  if (filled > 0) words[at] = word;
  return new Uint8Array(words.buffer, 0, packedBytes(values.length, bits));
}

/**
 * @param bytes - borrowed
 * @param into - [count], overwritten
 * @throws ShoalError codec_failed - for bytes of another length, and for bits behind the last value
 */
export function unpackBits(bytes: Uint8Array, bits: number, into: Uint32Array): void {
  checkBits(bits);
  const expected = packedBytes(into.length, bits);
  if (bytes.length !== expected) {
    const sentence = `${into.length} values of ${bits} bits take ${expected} bytes, got ${bytes.length}`;
    throw new ShoalError("codec_failed", sentence, { expected, found: bytes.length });
  }
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  const mask = lowest(bits);
  for (let index = 0, at = 0; index < into.length; index++, at += bits) {
    const [word, shift] = [at >>> 5, at & 31];
    let value = (words[word] ?? 0) >>> shift;
    if (shift + bits > 32) value |= (words[word + 1] ?? 0) << (32 - shift);
    into[index] = value & mask;
  }
  const spare = 8 * expected - into.length * bits;
  if (spare > 0 && (bytes.at(-1) ?? 0) >>> (8 - spare) !== 0) {
    throw new ShoalError("codec_failed", "there are bits behind the last value", { bits });
  }
}

/** The lowest `bits` bits, as int32. */
export function lowest(bits: number): number {
  return bits === 32 ? -1 : (1 << bits) - 1;
}

function checkBits(bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > 32) throw new RangeError(`bits must be 1 … 32, got ${bits}`);
}
