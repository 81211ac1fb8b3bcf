/** LAMB in two passes: the moments with the norm of the direction, then the step. Equations in `optimization/src/lamb.ts`. */
import { addPromoted, allBytes, load, store, sumDoubles, wholeBytes } from "./lanes";

/** Bytes of the 1,024 elements whose squares are added in float32 before they go to float64. */
const BLOCK: usize = 4096;

/** u = m̂ / (√v̂ + ε) + decay·w. */
// @ts-ignore: decorator
@inline
function direction(
  value: v128,
  first: v128,
  second: v128,
  unbias: v128,
  correction: v128,
  epsilon: v128,
  decay: v128,
): v128 {
  const denominator = f32x4.add(f32x4.mul(f32x4.sqrt(second), correction), epsilon);
  return f32x4.add(f32x4.div(f32x4.mul(unbias, first), denominator), f32x4.mul(decay, value));
}

/** @returns u² */
// @ts-ignore: decorator
@inline
function momentsAt(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  lanes: i32,
  beta1: v128,
  rest1: v128,
  beta2: v128,
  rest2: v128,
  unbias: v128,
  correction: v128,
  epsilon: v128,
  decay: v128,
  leastFirst: v128,
  leastSecond: v128,
): v128 {
  const gradient = load(g, lanes);
  let first = f32x4.add(f32x4.mul(beta1, load(m, lanes)), f32x4.mul(rest1, gradient));
  first = v128.andnot(first, f32x4.lt(f32x4.abs(first), leastFirst));
  let second = f32x4.add(f32x4.mul(beta2, load(v, lanes)), f32x4.mul(rest2, f32x4.mul(gradient, gradient)));
  second = v128.andnot(second, f32x4.lt(second, leastSecond));
  store(m, first, lanes);
  store(v, second, lanes);
  const u = direction(load(w, lanes), first, second, unbias, correction, epsilon, decay);
  return f32x4.mul(u, u);
}

/**
 * Updates both moments.
 * @param unbias - 1 / (1 − β₁^t)
 * @param correction - 1 / √(1 − β₂^t)
 * @returns Σ u²
 */
export function lambMoments(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  count: i32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  unbias: f32,
  correction: f32,
  epsilon: f32,
  decay: f32,
  leastFirst: f32,
  leastSecond: f32,
): f64 {
  const b1 = f32x4.splat(beta1);
  const r1 = f32x4.splat(rest1);
  const b2 = f32x4.splat(beta2);
  const r2 = f32x4.splat(rest2);
  const s = f32x4.splat(unbias);
  const k = f32x4.splat(correction);
  const e = f32x4.splat(epsilon);
  const d = f32x4.splat(decay);
  const f = f32x4.splat(leastFirst);
  const q = f32x4.splat(leastSecond);
  let total = f64x2.splat(0);
  const end = allBytes(count);
  let i: usize = 0;
  for (const whole = wholeBytes(count); i < whole; ) {
    let squares = f32x4.splat(0);
    for (const stop = min(i + BLOCK, whole); i < stop; i += 16) {
      squares = f32x4.add(squares, momentsAt(w + i, g + i, m + i, v + i, 4, b1, r1, b2, r2, s, k, e, d, f, q));
    }
    total = addPromoted(total, squares);
  }
  for (; i < end; i += 4) {
    const square = momentsAt(w + i, g + i, m + i, v + i, 1, b1, r1, b2, r2, s, k, e, d, f, q);
    // The other lanes hold 0 / (0 + ε), which is NaN when ε is 0.
    total = addPromoted(total, f32x4.replace_lane(f32x4.splat(0), 0, f32x4.extract_lane(square, 0)));
  }
  return sumDoubles(total);
}

// @ts-ignore: decorator
@inline
function stepAt(
  w: usize,
  m: usize,
  v: usize,
  lanes: i32,
  unbias: v128,
  correction: v128,
  epsilon: v128,
  decay: v128,
  rate: v128,
): void {
  const value = load(w, lanes);
  const u = direction(value, load(m, lanes), load(v, lanes), unbias, correction, epsilon, decay);
  store(w, f32x4.sub(value, f32x4.mul(rate, u)), lanes);
}

/** w ← w − rate·u with the moments as `lambMoments` left them. */
export function lambStep(
  w: usize,
  m: usize,
  v: usize,
  count: i32,
  unbias: f32,
  correction: f32,
  epsilon: f32,
  decay: f32,
  rate: f32,
): void {
  const whole = wholeBytes(count);
  const s = f32x4.splat(unbias);
  const k = f32x4.splat(correction);
  const e = f32x4.splat(epsilon);
  const d = f32x4.splat(decay);
  const r = f32x4.splat(rate);
  for (let i: usize = 0; i < whole; i += 16) stepAt(w + i, m + i, v + i, 4, s, k, e, d, r);
  for (let i = whole, end = allBytes(count); i < end; i += 4) stepAt(w + i, m + i, v + i, 1, s, k, e, d, r);
}
