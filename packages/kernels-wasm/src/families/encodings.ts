/**
 * Smaller encodings of float32 vectors, as they lie in memory and go over the wire. Little-endian, without padding.
 *
 *   bfloat16   count × 2 bytes: the upper half of the float32.
 *   float16    count × 2 bytes: IEEE 754 binary16.
 *   int8       blocks of 256 elements, the last one of the rest. A block is its scale s (float32, 4 bytes) and one byte
 *              q in [−127, 127] (two's complement) for each element, which stands for s·q; s is the block's greatest
 *              magnitude / 127. A block with no magnitude above 2^-120 has s = 0 and q = 0.
 *   top-k      k indices (int32, ascending) and k values (float32), in vectors of their own.
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
  "decodeBfloat16" | "dequantizeInt8" | "dequantizeInt8Add"
> {
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
    topK: (x, count, k, indices, values, scratch, clears) =>
      raw.topK(x, count, k, indices, values, clears ? 1 : 0, scratch, candidates(count, k)),
  };
}
