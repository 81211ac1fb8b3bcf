/**
 * float32 to and from less than a byte an element; the formats are in `src/families/encodings.ts`.
 *
 * All work on groups of 16 elements: counts are rounded up to that, so callers have vectors with room to the next multiple
 * of 16, zero where nothing stands. Encoders leave in x what the bytes do not say. A lane's bits are brought to the top of
 * its integer by a product with a power of two (lanes cannot be shifted each by its own distance).
 */

/** Elements with one scale. */
const INT4_BLOCK: i32 = 64;
const SIGN_BLOCK: i32 = 1024;
/** 1.5·2^23: adding it rounds to the nearest integer, ties to even. */
const ROUNDER: f32 = 12582912;
/** As in `int8-blocks.ts`: 7 divided by less could be infinite. */
const LEAST: f32 = 7.52316384526264e-37;

// @ts-ignore: decorator
@inline
function magnitude(x: usize): v128 {
  return v128.and(v128.load(x), i32x4.splat(0x7fffffff));
}

/** x ← x − scale·q. */
// @ts-ignore: decorator
@inline
function leaveError(x: usize, q: v128, scales: v128): void {
  v128.store(x, f32x4.sub(v128.load(x), f32x4.mul(scales, f32x4.convert_i32x4_s(q))));
}

/** Rounds four elements and leaves their error. */
// @ts-ignore: decorator
@inline
function quantizeFour(x: usize, scales: v128, inverse: v128, rounder: v128): v128 {
  const q = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), inverse), rounder), rounder);
  leaveError(x, q, scales);
  return q;
}

/** Eight integers as four bytes, the even element in the low half of its byte. */
// @ts-ignore: decorator
@inline
function storeNibbles(out: usize, a: v128, b: v128): void {
  const words = v128.and(i16x8.narrow_i32x4_s(a, b), i16x8.splat(15));
  const bytes = v128.and(v128.or(words, i32x4.shr_u(words, 12)), i32x4.splat(255));
  const narrow = i16x8.narrow_i32x4_u(bytes, bytes);
  v128.store32_lane(out, i8x16.narrow_i16x8_u(narrow, narrow), 0);
}

/** `one` is always 1, see `half-floats.ts`. */
export function packInt4(x: usize, out: usize, count: i32, one: i32): void {
  const rounder = f32x4.splat(<f32>one * ROUNDER);
  for (; count > 0; count -= INT4_BLOCK) {
    const end = x + (<usize>((min(INT4_BLOCK, count) + 15) & -16) << 2);
    let greatest = i32x4.splat(0);
    for (let at = x; at < end; at += 16) greatest = i32x4.max_s(greatest, magnitude(at));
    greatest = i32x4.max_s(greatest, i8x16.shuffle(greatest, greatest, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    const most = f32x4.extract_lane(i32x4.max_s(greatest, i32x4.splat(i32x4.extract_lane(greatest, 1))), 0);
    const scale: f32 = most > LEAST ? most / 7 : 0;
    const scales = f32x4.splat(scale);
    const inverse = f32x4.splat(most > LEAST ? 7 / most : 0);
    f32.store(out, scale);
    out += 4;
    for (; x < end; x += 32) {
      storeNibbles(out, quantizeFour(x, scales, inverse, rounder), quantizeFour(x + 16, scales, inverse, rounder));
      out += 4;
    }
  }
}

export function unpackInt4(x: usize, out: usize, count: i32): void {
  for (; count > 0; count -= INT4_BLOCK) {
    const end = out + (<usize>((min(INT4_BLOCK, count) + 15) & -16) << 2);
    const scales = v128.load32_splat(x);
    x += 4;
    for (; out < end; out += 32) {
      const bits = v128.load32_splat(x);
      const low = i32x4.shr_s(i32x4.mul(bits, i32x4(1 << 28, 1 << 24, 1 << 20, 1 << 16)), 28);
      const high = i32x4.shr_s(i32x4.mul(bits, i32x4(1 << 12, 1 << 8, 1 << 4, 1)), 28);
      v128.store(out, f32x4.mul(scales, f32x4.convert_i32x4_s(low)));
      v128.store(out, f32x4.mul(scales, f32x4.convert_i32x4_s(high)), 16);
      x += 4;
    }
  }
}

/** The top bits of 16 lanes. */
// @ts-ignore: decorator
@inline
function topBits(a: v128, b: v128, c: v128, d: v128): i32 {
  return i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
}

// @ts-ignore: decorator
@inline
function signs(x: usize): i32 {
  return topBits(v128.load(x), v128.load(x, 16), v128.load(x, 32), v128.load(x, 48));
}

/** Bits 4·quad … 4·quad + 3 of `bits`, each at the top of a lane of its own. */
// @ts-ignore: decorator
@inline
function spread(bits: i32, quad: i32): v128 {
  const lanes = i32x4.mul(i32x4.splat(bits >>> quad), i32x4(1 << 31, 1 << 30, 1 << 29, 1 << 28));
  return v128.and(lanes, i32x4.splat(1 << 31));
}

// @ts-ignore: decorator
@inline
function withSign(value: v128, bits: v128): v128 {
  return v128.or(value, v128.and(bits, i32x4.splat(1 << 31)));
}

export function packSigns(x: usize, out: usize, count: i32): void {
  for (; count > 0; count -= SIGN_BLOCK) {
    const size = min(SIGN_BLOCK, count);
    const end = x + (<usize>((size + 15) & -16) << 2);
    let s0 = f32x4.splat(0);
    let s1 = s0;
    for (let at = x; at < end; at += 32) {
      s0 = f32x4.add(s0, magnitude(at));
      s1 = f32x4.add(s1, magnitude(at + 16));
    }
    s0 = f32x4.add(s0, s1);
    s0 = f32x4.add(s0, i8x16.shuffle(s0, s0, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    const scale = (f32x4.extract_lane(s0, 0) + f32x4.extract_lane(s0, 1)) / <f32>size;
    const scales = f32x4.splat(scale);
    f32.store(out, scale);
    out += 4;
    while (x < end) {
      i32.store16(out, signs(x));
      out += 2;
      for (const next = x + 64; x < next; x += 16) {
        const value = v128.load(x);
        v128.store(x, f32x4.sub(value, withSign(scales, value)));
      }
    }
  }
}

export function unpackSigns(x: usize, out: usize, count: i32): void {
  for (; count > 0; count -= SIGN_BLOCK) {
    const end = out + (<usize>((min(SIGN_BLOCK, count) + 15) & -16) << 2);
    const scales = v128.load32_splat(x);
    x += 4;
    for (; out < end; x += 2) {
      const bits = i32.load16_u(x);
      for (let quad = 0; quad < 16; quad += 4) {
        v128.store(out, v128.or(scales, spread(bits, quad)));
        out += 16;
      }
    }
  }
}

/** Lanes that reach the threshold, above or below, with all bits set. Their error is left in x. */
// @ts-ignore: decorator
@inline
function takeThreshold(x: usize, thresholds: v128): v128 {
  const value = v128.load(x);
  const reached = f32x4.ge(magnitude(x), thresholds);
  v128.store(x, f32x4.sub(value, v128.and(reached, withSign(thresholds, value))));
  return reached;
}

export function packThreshold(x: usize, out: usize, count: i32, threshold: f32): void {
  const thresholds = f32x4.splat(threshold);
  for (; count > 0; count -= 16) {
    i32.store16(out, signs(x), 2);
    const a = takeThreshold(x, thresholds);
    const b = takeThreshold(x + 16, thresholds);
    const c = takeThreshold(x + 32, thresholds);
    i32.store16(out, topBits(a, b, c, takeThreshold(x + 48, thresholds)));
    x += 64;
    out += 4;
  }
}

export function unpackThreshold(x: usize, out: usize, count: i32, threshold: f32): void {
  const thresholds = f32x4.splat(threshold);
  for (; count > 0; count -= 16) {
    const reached = i32.load16_u(x);
    const negative = i32.load16_u(x, 2);
    for (let quad = 0; quad < 16; quad += 4) {
      const lanes = i32x4.shr_s(spread(reached, quad), 31);
      v128.store(out, v128.and(lanes, v128.or(thresholds, spread(negative, quad))));
      out += 16;
    }
    x += 4;
  }
}
