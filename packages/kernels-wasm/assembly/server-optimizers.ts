/** Adaptive server optimisers in one pass; equations in `optimization/src/fedopt.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

/** How the second moment goes on; the host's numbers. */
const ADAGRAD: i32 = 0;
const ADAM: i32 = 1;

// @ts-ignore: decorator
@inline
function secondMoment(v: v128, square: v128, rule: i32, beta2: v128, rest2: v128): v128 {
  if (rule == ADAGRAD) return f32x4.add(v, square);
  const fresh = f32x4.mul(rest2, square);
  if (rule == ADAM) return f32x4.add(f32x4.mul(beta2, v), fresh);
  // Yogi: v − fresh·sign(v − square), by the sign's two halves; where they are equal nothing changes.
  const down = v128.and(fresh, f32x4.gt(v, square));
  const up = v128.and(fresh, f32x4.lt(v, square));
  return f32x4.add(f32x4.sub(v, down), up);
}

// @ts-ignore: decorator
@inline
function serverStepAt(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  lanes: i32,
  rule: i32,
  rate: v128,
  beta1: v128,
  rest1: v128,
  beta2: v128,
  rest2: v128,
  tau: v128,
  leastFirst: v128,
  leastSecond: v128,
): void {
  const gradient = load(g, lanes);
  let first = f32x4.add(f32x4.mul(beta1, load(m, lanes)), f32x4.mul(rest1, gradient));
  first = v128.andnot(first, f32x4.lt(f32x4.abs(first), leastFirst));
  let second = secondMoment(load(v, lanes), f32x4.mul(gradient, gradient), rule, beta2, rest2);
  second = v128.andnot(second, f32x4.lt(second, leastSecond));
  store(m, first, lanes);
  store(v, second, lanes);
  const denominator = f32x4.add(f32x4.sqrt(second), tau);
  store(w, f32x4.sub(load(w, lanes), f32x4.div(f32x4.mul(rate, first), denominator)), lanes);
}

/** @param leastFirst, leastSecond - moments below these become 0, as in `adam` */
export function serverStep(
  w: usize,
  g: usize,
  first: usize,
  second: usize,
  count: i32,
  rule: i32,
  rate: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  tau: f32,
  leastFirst: f32,
  leastSecond: f32,
): void {
  const whole = wholeBytes(count);
  const end = allBytes(count);
  const r = f32x4.splat(rate);
  const b1 = f32x4.splat(beta1);
  const r1 = f32x4.splat(rest1);
  const b2 = f32x4.splat(beta2);
  const r2 = f32x4.splat(rest2);
  const t = f32x4.splat(tau);
  const f = f32x4.splat(leastFirst);
  const q = f32x4.splat(leastSecond);
  for (let i: usize = 0; i < whole; i += 16) {
    serverStepAt(w + i, g + i, first + i, second + i, 4, rule, r, b1, r1, b2, r2, t, f, q);
  }
  for (let i = whole; i < end; i += 4) {
    serverStepAt(w + i, g + i, first + i, second + i, 1, rule, r, b1, r1, b2, r2, t, f, q);
  }
}
