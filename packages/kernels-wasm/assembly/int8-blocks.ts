/**
 * float32 to and from blocks of bytes with a common scale; the format is in `src/families/encodings.ts`.
 *
 * Rounding is that of a float addition: adding 1.5·2^23 leaves the integer, rounded to nearest with ties to even, in the
 * low bits. Magnitudes are at most 127·(1 + 2^-22), so nothing is out of range.
 */
import { load, store } from "./lanes";

/** Elements with one scale. */
const BLOCK: i32 = 256;
/** 1.5·2^23. */
const ROUNDER: f32 = 12582912;
/** All bits but the sign. */
const MAGNITUDE: i32 = 0x7fffffff;
/** A block with no greater element is all zeros: 127 divided by it could be infinite. */
const LEAST: f32 = 7.52316384526264e-37;

// @ts-ignore: decorator
@inline
function rounded(x: v128, inverse: v128, rounder: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(x, inverse), rounder), rounder);
}

/**
 * The bits of four magnitudes, which order like the magnitudes: an integer maximum is one instruction, a float's is
 * many. With `residual`, x is added to it first and their sum is what counts.
 */
// @ts-ignore: decorator
@inline
function magnitudesAt(x: usize, residual: usize, at: usize, mask: v128, feedback: bool): v128 {
  let value = v128.load(x + at);
  if (feedback) {
    value = f32x4.add(value, v128.load(residual + at));
    v128.store(residual + at, value);
  }
  return v128.and(value, mask);
}

/** Greatest magnitude of at most BLOCK elements; NaN if there is one. */
// @ts-ignore: decorator
@inline
function greatest(x: usize, residual: usize, count: i32, mask: v128, feedback: bool): f32 {
  let most = i32x4.splat(0);
  let second = most;
  for (; count >= 16; count -= 16) {
    most = i32x4.max_s(most, magnitudesAt(x, residual, 0, mask, feedback));
    second = i32x4.max_s(second, magnitudesAt(x, residual, 16, mask, feedback));
    most = i32x4.max_s(most, magnitudesAt(x, residual, 32, mask, feedback));
    second = i32x4.max_s(second, magnitudesAt(x, residual, 48, mask, feedback));
    x += 64;
    residual += 64;
  }
  for (; count > 0; count--) {
    let value = v128.load32_zero(x);
    if (feedback) {
      value = f32x4.add(value, v128.load32_zero(residual));
      store(residual, value, 1);
    }
    most = i32x4.max_s(most, v128.and(value, mask));
    x += 4;
    residual += 4;
  }
  most = i32x4.max_s(most, second);
  most = i32x4.max_s(most, i8x16.shuffle(most, most, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(i32x4.max_s(most, i32x4.splat(i32x4.extract_lane(most, 1))), 0);
}

/** One block of up to BLOCK bytes. With `feedback` the values are overwritten by what their bytes do not say. */
// @ts-ignore: decorator
@inline
function quantizeBlock(x: usize, out: usize, count: i32, scale: f32, factor: f32, rounder: v128, feedback: bool): void {
  const inverse = f32x4.splat(factor);
  const scales = f32x4.splat(scale);
  for (; count >= 16; count -= 16) {
    const a = rounded(v128.load(x), inverse, rounder);
    const b = rounded(v128.load(x, 16), inverse, rounder);
    const c = rounded(v128.load(x, 32), inverse, rounder);
    const d = rounded(v128.load(x, 48), inverse, rounder);
    v128.store(out, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
    if (feedback) {
      v128.store(x, f32x4.sub(v128.load(x), f32x4.mul(scales, f32x4.convert_i32x4_s(a))));
      v128.store(x, f32x4.sub(v128.load(x, 16), f32x4.mul(scales, f32x4.convert_i32x4_s(b))), 16);
      v128.store(x, f32x4.sub(v128.load(x, 32), f32x4.mul(scales, f32x4.convert_i32x4_s(c))), 32);
      v128.store(x, f32x4.sub(v128.load(x, 48), f32x4.mul(scales, f32x4.convert_i32x4_s(d))), 48);
    }
    x += 64;
    out += 16;
  }
  for (; count > 0; count--) {
    const value = v128.load32_zero(x);
    const byte = rounded(value, inverse, rounder);
    v128.store8_lane(out, byte, 0);
    if (feedback) store(x, f32x4.sub(value, f32x4.mul(scales, f32x4.convert_i32x4_s(byte))), 1);
    x += 4;
    out++;
  }
}

// @ts-ignore: decorator
@inline
function quantize(x: usize, residual: usize, out: usize, count: i32, one: i32, feedback: bool): void {
  const rounder = f32x4.splat(<f32>one * ROUNDER);
  const mask = i32x4.splat(one * MAGNITUDE);
  for (; count > 0; count -= BLOCK) {
    const size = min(BLOCK, count);
    const most = greatest(x, residual, size, mask, feedback);
    const scale: f32 = most > LEAST ? most / 127 : 0;
    const factor: f32 = most > LEAST ? 127 / most : 0;
    f32.store(out, scale);
    quantizeBlock(feedback ? residual : x, out + 4, size, scale, factor, rounder, feedback);
    x += BLOCK << 2;
    residual += BLOCK << 2;
    out += BLOCK + 4;
  }
}

/** `one` is always 1, see `half-floats.ts`. */
export function quantizeInt8(x: usize, out: usize, count: i32, one: i32): void {
  quantize(x, 0, out, count, one, false);
}

export function quantizeInt8WithFeedback(x: usize, residual: usize, out: usize, count: i32, one: i32): void {
  quantize(x, residual, out, count, one, true);
}

// @ts-ignore: decorator
@inline
function decoded(bytes: v128, scales: v128): v128 {
  return f32x4.mul(scales, f32x4.convert_i32x4_s(bytes));
}

/** out = decoded, or with `adds` out = out + weight · decoded. */
// @ts-ignore: decorator
@inline
function put(out: usize, value: v128, lanes: i32, weights: v128, adds: bool): void {
  store(out, adds ? f32x4.add(load(out, lanes), f32x4.mul(weights, value)) : value, lanes);
}

// @ts-ignore: decorator
@inline
function dequantize(x: usize, out: usize, count: i32, weight: f32, adds: bool): void {
  const weights = f32x4.splat(weight);
  for (; count > 0; count -= BLOCK) {
    const scales = f32x4.splat(f32.load(x));
    x += 4;
    let left = min(BLOCK, count);
    for (; left >= 8; left -= 8) {
      const words = v128.load8x8_s(x);
      put(out, decoded(i32x4.extend_low_i16x8_s(words), scales), 4, weights, adds);
      put(out + 16, decoded(i32x4.extend_high_i16x8_s(words), scales), 4, weights, adds);
      x += 8;
      out += 32;
    }
    for (; left > 0; left--) {
      put(out, decoded(i32x4.splat(i32.load8_s(x)), scales), 1, weights, adds);
      x++;
      out += 4;
    }
  }
}

export function dequantizeInt8(x: usize, out: usize, count: i32): void {
  dequantize(x, out, count, 0, false);
}

export function dequantizeInt8Add(x: usize, y: usize, count: i32, weight: f32): void {
  dequantize(x, y, count, weight, true);
}
