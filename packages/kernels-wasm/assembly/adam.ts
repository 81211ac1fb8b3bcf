/** Adam, AdamW and AMSGrad in one pass; equations in `optimization/src/adam.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function adamAt(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  maximum: usize,
  lanes: i32,
  beta1: v128,
  rest1: v128,
  beta2: v128,
  rest2: v128,
  step: v128,
  correction: v128,
  epsilon: v128,
  shrink: v128,
  decay: v128,
  leastFirst: v128,
  leastSecond: v128,
  amsgrad: bool,
): void {
  const value = load(w, lanes);
  const gradient = f32x4.add(load(g, lanes), f32x4.mul(decay, value));
  let first = f32x4.add(f32x4.mul(beta1, load(m, lanes)), f32x4.mul(rest1, gradient));
  first = v128.andnot(first, f32x4.lt(f32x4.abs(first), leastFirst));
  let second = f32x4.add(f32x4.mul(beta2, load(v, lanes)), f32x4.mul(rest2, f32x4.mul(gradient, gradient)));
  second = v128.andnot(second, f32x4.lt(second, leastSecond));
  store(m, first, lanes);
  store(v, second, lanes);
  let scale = second;
  if (amsgrad) {
    scale = f32x4.max(load(maximum, lanes), second);
    store(maximum, scale, lanes);
  }
  const denominator = f32x4.add(f32x4.mul(f32x4.sqrt(scale), correction), epsilon);
  const moved = f32x4.div(f32x4.mul(step, first), denominator);
  store(w, f32x4.sub(f32x4.mul(shrink, value), moved), lanes);
}

/**
 * @param stepSize - learning rate / (1 − β₁^t)
 * @param correction - 1 / √(1 − β₂^t)
 * @param shrink - factor on the values: 1 − rate·decay when decoupled, else 1
 * @param decay - weight of the values in the gradient: the L2 decay, 0 when decoupled
 * @param leastFirst, leastSecond - moments below these become 0; parameters and not constants, because V8 would build a
 *   constant anew for every four elements
 */
export function adam(
  w: usize,
  g: usize,
  first: usize,
  second: usize,
  maximum: usize,
  count: i32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  stepSize: f32,
  correction: f32,
  epsilon: f32,
  shrink: f32,
  decay: f32,
  leastFirst: f32,
  leastSecond: f32,
): void {
  const whole = wholeBytes(count);
  const end = allBytes(count);
  const b1 = f32x4.splat(beta1);
  const r1 = f32x4.splat(rest1);
  const b2 = f32x4.splat(beta2);
  const r2 = f32x4.splat(rest2);
  const s = f32x4.splat(stepSize);
  const k = f32x4.splat(correction);
  const e = f32x4.splat(epsilon);
  const h = f32x4.splat(shrink);
  const d = f32x4.splat(decay);
  const f = f32x4.splat(leastFirst);
  const q = f32x4.splat(leastSecond);
  const amsgrad = maximum != 0;
  for (let i: usize = 0; i < whole; i += 16) {
    adamAt(w + i, g + i, first + i, second + i, maximum + i, 4, b1, r1, b2, r2, s, k, e, h, d, f, q, amsgrad);
  }
  for (let i = whole; i < end; i += 4) {
    adamAt(w + i, g + i, first + i, second + i, maximum + i, 1, b1, r1, b2, r2, s, k, e, h, d, f, q, amsgrad);
  }
}
