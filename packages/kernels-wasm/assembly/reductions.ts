/**
 * Reductions of a vector to a number. Lanes are added in float32 within a block of 1,024 elements (64 additions a
 * lane) and in float64 across blocks, in a fixed order (K2).
 */
import { addPromoted, load, maxLanes, sumDoubles } from "./lanes";

const BLOCK: i32 = 1024;

/** Σ x·y of at most BLOCK elements, as four lanes. */
// @ts-ignore: decorator
@inline
function dotBlock(x: usize, y: usize, count: i32): v128 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let at: usize = 0;
  let left = count;
  for (; left >= 16; left -= 16) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(x + at), v128.load(y + at)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(x + at, 16), v128.load(y + at, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(x + at, 32), v128.load(y + at, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(x + at, 48), v128.load(y + at, 48)));
    at += 64;
  }
  for (; left > 0; left -= 4) {
    const lanes = min(4, left);
    s0 = f32x4.add(s0, f32x4.mul(load(x + at, lanes), load(y + at, lanes)));
    at += 16;
  }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

export function dot(x: usize, y: usize, count: i32): f64 {
  let total = f64x2.splat(0);
  for (let i = 0; i < count; i += BLOCK) {
    const at = <usize>i << 2;
    total = addPromoted(total, dotBlock(x + at, y + at, min(BLOCK, count - i)));
  }
  return sumDoubles(total);
}

export function squaredNorm(x: usize, count: i32): f64 {
  return dot(x, x, count);
}

// @ts-ignore: decorator
@inline
function sumBlock(x: usize, count: i32): v128 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let left = count;
  for (; left >= 16; left -= 16) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
    x += 64;
  }
  for (; left > 0; left -= 4) {
    s0 = f32x4.add(s0, load(x, min(4, left)));
    x += 16;
  }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

export function sum(x: usize, count: i32): f64 {
  let total = f64x2.splat(0);
  for (let i = 0; i < count; i += BLOCK) {
    total = addPromoted(total, sumBlock(x + (<usize>i << 2), min(BLOCK, count - i)));
  }
  return sumDoubles(total);
}

/**
 * Greatest |x|; 0 for an empty vector; NaN if there is one. Magnitudes order like their bits, NaN above infinity, and an
 * integer maximum is one instruction where a float's is seven.
 */
export function maxAbs(x: usize, count: i32): f32 {
  const mask = i32x4.splat(0x7fffffff);
  let greatest = i32x4.splat(0);
  for (; count >= 4; count -= 4) {
    greatest = i32x4.max_s(greatest, v128.and(v128.load(x), mask));
    x += 16;
  }
  if (count) greatest = i32x4.max_s(greatest, v128.and(load(x, count), mask));
  return maxLanes(greatest);
}

/** All exponent bits set: infinity or NaN. */
const EXPONENT: i32 = 0x7f800000;

// @ts-ignore: decorator
@inline
function notFinite(x: v128): v128 {
  const mask = i32x4.splat(EXPONENT);
  return i32x4.eq(v128.and(x, mask), mask);
}

export function allFinite(x: usize, count: i32): bool {
  while (count > 0) {
    let found = i32x4.splat(0);
    let left = min(BLOCK, count);
    count -= left;
    for (; left >= 4; left -= 4) {
      found = v128.or(found, notFinite(v128.load(x)));
      x += 16;
    }
    if (left) found = v128.or(found, notFinite(load(x, left)));
    if (v128.any_true(found)) return false;
  }
  return true;
}
