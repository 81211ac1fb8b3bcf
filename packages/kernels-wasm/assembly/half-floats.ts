/**
 * float32 to and from bfloat16 and IEEE binary16: rounded to nearest, ties to even, eight elements at a time.
 *
 * `one` is always 1. It is a parameter so that the constants made from it are no constants to the compiler: V8 would build
 * those anew for every four elements.
 *
 * Source  for binary16 by way of float additions that round: Giesen, "float->half variants", 2012. What is chosen by
 *         comparisons there is chosen by minimum and maximum here, see `toHalf`.
 */

/** The mantissa bits that bfloat16 drops, but for the highest: with the lowest bit that stays, rounding to even. */
const BELOW_HALF_BFLOAT: i32 = 0x7fff;
/** The bit that makes a NaN quiet. */
const QUIET: i32 = 0x400000;

/** Four bfloat16 in the low halves of the lanes. */
// @ts-ignore: decorator
@inline
function toBfloat(x: v128, ones: v128, below: v128, quiet: v128): v128 {
  const nan = f32x4.ne(x, x);
  const up = v128.andnot(i32x4.add(below, v128.and(i32x4.shr_u(x, 16), ones)), nan);
  return i32x4.shr_u(v128.or(i32x4.add(x, up), v128.and(nan, quiet)), 16);
}

export function encodeBfloat16(x: usize, out: usize, count: i32, one: i32): void {
  const ones = i32x4.splat(one);
  const below = i32x4.splat(one * BELOW_HALF_BFLOAT);
  const quiet = i32x4.splat(one * QUIET);
  for (; count >= 8; count -= 8) {
    const low = toBfloat(v128.load(x), ones, below, quiet);
    const high = toBfloat(v128.load(x, 16), ones, below, quiet);
    v128.store(out, i16x8.narrow_i32x4_u(low, high));
    x += 32;
    out += 16;
  }
  for (; count > 0; count--) {
    v128.store16_lane(out, toBfloat(v128.load32_zero(x), ones, below, quiet), 0);
    x += 4;
    out += 2;
  }
}

export function decodeBfloat16(x: usize, out: usize, count: i32): void {
  for (; count >= 8; count -= 8) {
    const bits = v128.load(x);
    v128.store(out, i32x4.shl(i32x4.extend_low_i16x8_u(bits), 16));
    v128.store(out, i32x4.shl(i32x4.extend_high_i16x8_u(bits), 16), 16);
    x += 16;
    out += 32;
  }
  for (; count > 0; count--) {
    i32.store(out, i32.load16_u(x) << 16);
    x += 2;
    out += 4;
  }
}

const MAGNITUDE: i32 = 0x7fffffff;
/** 0.5, whose last bit is worth the least subnormal half: adding it rounds a subnormal half. */
const ONE_HALF: i32 = 0x3f000000;
/** The least normal half. */
const LEAST_NORMAL: i32 = 0x400;
/** Takes the exponent from float32's bias to binary16's, and rounds as `BELOW_HALF_BFLOAT` does. */
const REBIAS: i32 = ((15 - 127) << 23) + 0xfff;
const HALF_INFINITY: i32 = 0x7c00;
const HALF_QUIET: i32 = 0x200;
const HALF_SIGN: i32 = 0x8000;

/**
 * Magnitudes of four halves in 32 bits, not yet bounded by infinity. `normal` is right where the half is normal,
 * `small` where it is subnormal. Both are monotone and meet at 0x400, below it `small` is the greater one: hence
 * max(normal, min(small, 0x400)).
 */
// @ts-ignore: decorator
@inline
function toHalf(magnitude: v128, ones: v128, half: v128, least: v128, rebias: v128): v128 {
  const small = i32x4.min_s(i32x4.sub(f32x4.add(magnitude, half), half), least);
  const even = v128.and(i32x4.shr_u(magnitude, 13), ones);
  return i32x4.max_s(i32x4.shr_s(i32x4.add(i32x4.add(magnitude, rebias), even), 13), small);
}

/** Eight halves. Narrowing with saturation leaves the sign bit where a float is negative. */
// @ts-ignore: decorator
@inline
function toHalves(
  low: v128,
  high: v128,
  mask: v128,
  ones: v128,
  half: v128,
  least: v128,
  rebias: v128,
  infinity: v128,
  quiet: v128,
  sign: v128,
): v128 {
  const first = toHalf(v128.and(low, mask), ones, half, least, rebias);
  const second = toHalf(v128.and(high, mask), ones, half, least, rebias);
  const bounded = i16x8.min_u(i16x8.narrow_i32x4_u(first, second), infinity);
  const nan = v128.and(i16x8.narrow_i32x4_s(f32x4.ne(low, low), f32x4.ne(high, high)), quiet);
  return v128.or(v128.or(bounded, nan), v128.and(i16x8.narrow_i32x4_s(low, high), sign));
}

export function encodeFloat16(x: usize, out: usize, count: i32, one: i32): void {
  const mask = i32x4.splat(one * MAGNITUDE);
  const ones = i32x4.splat(one);
  const half = i32x4.splat(one * ONE_HALF);
  const least = i32x4.splat(one * LEAST_NORMAL);
  const rebias = i32x4.splat(one * REBIAS);
  const infinity = i16x8.splat(<i16>(one * HALF_INFINITY));
  const quiet = i16x8.splat(<i16>(one * HALF_QUIET));
  const sign = i16x8.splat(<i16>(one * HALF_SIGN));
  const zero = i32x4.splat(0);
  for (; count >= 8; count -= 8) {
    const low = v128.load(x);
    const high = v128.load(x, 16);
    v128.store(out, toHalves(low, high, mask, ones, half, least, rebias, infinity, quiet, sign));
    x += 32;
    out += 16;
  }
  for (; count > 0; count--) {
    const low = v128.load32_zero(x);
    v128.store16_lane(out, toHalves(low, zero, mask, ones, half, least, rebias, infinity, quiet, sign), 0);
    x += 4;
    out += 2;
  }
}

/** From binary16's exponent bias to float32's. */
const BIAS: i32 = 112 << 23;
/** 2^-14, the least normal half, as a float. */
const LEAST: i32 = 0x38800000;
/** 2^16: what an exponent of all ones has become. */
const BEYOND: i32 = 0x47800000;

/**
 * Four floats of sign-extended halves. With the new bias a normal half is right. A subnormal one has become
 * f = 2^-15·(1 + m) instead of 2^-14·m = f + (f − 2^-14), which is exact. Infinity and NaN need the bias once more.
 */
// @ts-ignore: decorator
@inline
function fromHalf(bits: v128, mask: v128, bias: v128, least: v128, beyond: v128, sign: v128): v128 {
  const biased = i32x4.add(v128.and(i32x4.shl(bits, 13), mask), bias);
  const value = f32x4.add(biased, f32x4.pmin(f32x4.sub(biased, least), f32x4.splat(0)));
  const special = v128.and(f32x4.ge(value, beyond), bias);
  return v128.or(i32x4.add(value, special), v128.and(bits, sign));
}

export function decodeFloat16(x: usize, out: usize, count: i32, one: i32): void {
  const mask = i32x4.splat(one * (0x7fff << 13));
  const bias = i32x4.splat(one * BIAS);
  const least = i32x4.splat(one * LEAST);
  const beyond = i32x4.splat(one * BEYOND);
  const sign = i32x4.splat(one << 31);
  for (; count >= 8; count -= 8) {
    const bits = v128.load(x);
    v128.store(out, fromHalf(i32x4.extend_low_i16x8_s(bits), mask, bias, least, beyond, sign));
    v128.store(out, fromHalf(i32x4.extend_high_i16x8_s(bits), mask, bias, least, beyond, sign), 16);
    x += 16;
    out += 32;
  }
  for (; count > 0; count--) {
    const bits = i32x4.splat(i32.load16_s(x));
    v128.store32_lane(out, fromHalf(bits, mask, bias, least, beyond, sign), 0);
    x += 2;
    out += 4;
  }
}
