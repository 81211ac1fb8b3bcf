/**
 * Masks: the key stream of AES-256-CTR as integers modulo 2^bits, from any element on, so that vectors go by in chunks.
 *
 *   words of 1, 2 or 4 bytes (the least that holds `bits`), little-endian; word i is at byte i·size of the stream, block
 *   ⌊byte/16⌋ counts from 0 with a zero IV. A key is used for one vector of one session only.
 *
 * Sums wrap modulo 2^32, of which 2^bits is a divisor: upper bits are dropped once, at the end.
 */
import { lowest } from "./bit-packing.ts";

/** A mask that is added to a vector, or subtracted. */
export interface SignedMask {
  readonly key: CryptoKey;
  readonly sign: 1 | -1;
}

/** Chunks begin at multiples of this, elements: there every word size is at a block's border. */
export const chunkAlignment = 16;
/** Calls of the cipher under way at a time: enough for its threads, and memory for as many chunks. */
const window = 4;

/** The words from element `begin` on. @param begin - a multiple of {@link chunkAlignment} @param zeros - at least 4 · count, borrowed */
export async function maskWords(
  subtle: SubtleCrypto,
  key: CryptoKey,
  bits: number,
  begin: number,
  count: number,
  zeros: Uint8Array<ArrayBuffer> = new Uint8Array(4 * count),
): Promise<Uint8Array | Uint16Array | Uint32Array> {
  if (begin % chunkAlignment !== 0) throw new RangeError(`begin must be a multiple of ${chunkAlignment}, got ${begin}`);
  const Words = bits <= 8 ? Uint8Array : bits <= 16 ? Uint16Array : Uint32Array;
  const size = Words.BYTES_PER_ELEMENT;
  const counter = new Uint8Array(16);
  new DataView(counter.buffer).setBigUint64(8, BigInt((begin * size) / 16));
  const stream = await subtle.encrypt({ name: "AES-CTR", counter, length: 64 }, key, zeros.subarray(0, count * size));
  return new Words(stream);
}

/**
 * Adds all masks to a chunk, modulo 2^bits. Overwrites `values`, memory for four chunks beside it.
 * @param begin - element of the vector that the chunk begins with
 */
export async function applyMasks(
  subtle: SubtleCrypto,
  masks: readonly SignedMask[],
  bits: number,
  begin: number,
  values: Uint32Array,
): Promise<void> {
  const zeros = new Uint8Array(4 * values.length);
  for (let first = 0; first < masks.length; first += window) {
    const some = masks.slice(first, first + window);
    const words = await Promise.all(some.map(({ key }) => maskWords(subtle, key, bits, begin, values.length, zeros)));
    some.forEach(({ sign }, i) => {
      const mask = words[i];
      if (mask === undefined) return;
      if (sign === 1) add(values, mask);
      else subtract(values, mask);
    });
  }
  const kept = lowest(bits);
  if (kept !== -1) for (let index = 0; index < values.length; index++) values[index] = (values[index] ?? 0) & kept;
}

/** Adds a masked chunk to the sum, modulo 2^32. Borrows `words`, overwrites `values`. */
export function add(values: Uint32Array, words: Uint8Array | Uint16Array | Uint32Array): void {
  for (let index = 0; index < values.length; index++) values[index] = ((values[index] ?? 0) + (words[index] ?? 0)) | 0;
}

function subtract(values: Uint32Array, words: Uint8Array | Uint16Array | Uint32Array): void {
  for (let index = 0; index < values.length; index++) values[index] = ((values[index] ?? 0) - (words[index] ?? 0)) | 0;
}
