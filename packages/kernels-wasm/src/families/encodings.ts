/**
 * Smaller encodings of float32 vectors, as they lie in memory and go over the wire. Little-endian, without padding.
 *
 *   bfloat16   count × 2 bytes: the upper half of the float32.
 *   float16    count × 2 bytes: IEEE 754 binary16.
 *   int8       blocks of 256 elements, the last one of the rest. A block is its scale s (float32, 4 bytes) and one byte
 *              q in [−127, 127] (two's complement) for each element, which stands for s·q; s is the block's greatest
 *              magnitude / 127. A block with no magnitude above 2^-120 has s = 0 and q = 0.
 *   int4       blocks of 64: a scale s (float32, the block's greatest magnitude / 7, 0 below 2^-120), then for each two
 *              elements one byte with q in [−7, 7] (two's complement of four bits), the first in the low half.
 *   signs      blocks of 1,024: a scale s (float32, the block's mean magnitude), then for each 16 elements 16 bits, the
 *              first in the lowest; 0 stands for s, 1 for −s.
 *   threshold  for each 16 elements 16 bits that say which are ±threshold (the others are 0) and 16 that say which of
 *              them are negative.
 *   top-k      k indices (int32, ascending) and k values (float32), in vectors of their own.
 *
 * The last group of int4, signs and threshold is filled up with what zeros give: 16 is what these kernels
 * take at a time.
 *
 * All of it is element-wise within a block and the same in every build (K1).
 */
import type { Offset } from "../kernels.ts";

export interface EncodingKernels {
  /** Rounds to nearest, ties to even; beyond the greatest bfloat16 to infinity. NaN stays NaN. */
  encodeBfloat16(x: Offset, out: Offset, count: number): void;
  decodeBfloat16(x: Offset, out: Offset, count: number): void;
  /** Rounds to nearest, ties to even, with subnormals; 65520 and beyond become infinity. NaN stays NaN. */
  encodeFloat16(x: Offset, out: Offset, count: number): void;
  decodeFloat16(x: Offset, out: Offset, count: number): void;
  /** Writes `int8Bytes(count)` bytes. The error is at most half a scale; x must be finite. */
  quantizeInt8(x: Offset, out: Offset, count: number): void;
  /**
   * Quantises x + residual and leaves in `residual` [count] what the bytes do not say, to be added next time: what is
   * rounded away is late, not lost (Seide et al., Interspeech 2014). x is not changed.
   */
  quantizeInt8WithFeedback(x: Offset, residual: Offset, out: Offset, count: number): void;
  dequantizeInt8(x: Offset, out: Offset, count: number): void;
  /** y = y + weight · decoded x: the same bits as `dequantizeInt8` and `axpy`. */
  dequantizeInt8Add(x: Offset, y: Offset, count: number, weight: number): void;
  /**
   * Writes `int4Bytes(count)` bytes and leaves in x what they do not say; x must be finite. This and the next five read
   * and write x and out up to the next multiple of 16 elements, where x is zero.
   */
  packInt4(x: Offset, out: Offset, count: number): void;
  unpackInt4(x: Offset, out: Offset, count: number): void;
  /**
   * Writes `signBytes(count)` bytes and leaves x − decoded in x; −0 has the sign −. What it leaves behind the last element
   * is not zero.
   */
  packSigns(x: Offset, out: Offset, count: number): void;
  unpackSigns(x: Offset, out: Offset, count: number): void;
  /** Writes `thresholdBytes(count)` bytes: threshold where x ≥ threshold, −threshold where x ≤ −threshold; leaves the rest. */
  packThreshold(x: Offset, out: Offset, count: number, threshold: number): void;
  unpackThreshold(x: Offset, out: Offset, count: number, threshold: number): void;
  /**
   * Chooses the k elements of greatest magnitude, of equals those with lower indices, and writes their indices (int32,
   * ascending) and values. NaN counts as greater than infinity.
   *
   * @param x - [count] float32; with `clears` the chosen elements become 0, so that x is the residual
   * @param k - at most count
   * @param scratch - `topKScratchBytes(count, k)` bytes
   */
  topK(x: Offset, count: number, k: number, indices: Offset, values: Offset, scratch: Offset, clears: boolean): void;
}

/** The last parameter of some is a constant that the compiler must not know, see `assembly/half-floats.ts`. */
export interface EncodingExports extends Pick<
  EncodingKernels,
  | "decodeBfloat16"
  | "dequantizeInt8"
  | "dequantizeInt8Add"
  | "unpackInt4"
  | "packSigns"
  | "unpackSigns"
  | "packThreshold"
  | "unpackThreshold"
> {
  packInt4(x: Offset, out: Offset, count: number, one: number): void;
  encodeBfloat16(x: Offset, out: Offset, count: number, one: number): void;
  encodeFloat16(x: Offset, out: Offset, count: number, one: number): void;
  decodeFloat16(x: Offset, out: Offset, count: number, one: number): void;
  quantizeInt8(x: Offset, out: Offset, count: number, one: number): void;
  quantizeInt8WithFeedback(x: Offset, residual: Offset, out: Offset, count: number, one: number): void;
  topK(
    x: Offset,
    count: number,
    k: number,
    indices: Offset,
    values: Offset,
    clears: number,
    scratch: Offset,
    capacity: number,
  ): void;
}

const histogramBytes = 8192;

/** Bytes of `count` elements in int8 blocks. */
export function int8Bytes(count: number): number {
  return count + 4 * Math.ceil(count / 256);
}

/** Bytes of `count` elements in int4 blocks. */
export function int4Bytes(count: number): number {
  return 8 * Math.ceil(count / 16) + 4 * Math.ceil(count / 64);
}

/** Bytes of the signs of `count` elements and their scales. */
export function signBytes(count: number): number {
  return 2 * Math.ceil(count / 16) + 4 * Math.ceil(count / 1024);
}

/** Bytes that say which of `count` elements reach a threshold. */
export function thresholdBytes(count: number): number {
  return 4 * Math.ceil(count / 16);
}

/** Bytes that `topK` needs: a histogram, and room for the candidates, of which there are about 1.5·k. */
export function topKScratchBytes(count: number, k: number): number {
  return histogramBytes + 8 * candidates(count, k);
}

function candidates(count: number, k: number): number {
  return Math.min(count, 8192 + 4 * k);
}

export function encodingKernels(raw: EncodingExports): EncodingKernels {
  return {
    encodeBfloat16: (x, out, count) => raw.encodeBfloat16(x, out, count, 1),
    decodeBfloat16: raw.decodeBfloat16,
    encodeFloat16: (x, out, count) => raw.encodeFloat16(x, out, count, 1),
    decodeFloat16: (x, out, count) => raw.decodeFloat16(x, out, count, 1),
    quantizeInt8: (x, out, count) => raw.quantizeInt8(x, out, count, 1),
    quantizeInt8WithFeedback: (x, residual, out, count) => raw.quantizeInt8WithFeedback(x, residual, out, count, 1),
    dequantizeInt8: raw.dequantizeInt8,
    dequantizeInt8Add: raw.dequantizeInt8Add,
    packInt4: (x, out, count) => raw.packInt4(x, out, count, 1),
    unpackInt4: raw.unpackInt4,
    packSigns: raw.packSigns,
    unpackSigns: raw.unpackSigns,
    packThreshold: raw.packThreshold,
    unpackThreshold: raw.unpackThreshold,
    topK: (x, count, k, indices, values, scratch, clears) =>
      raw.topK(x, count, k, indices, values, clears ? 1 : 0, scratch, candidates(count, k)),
  };
}
