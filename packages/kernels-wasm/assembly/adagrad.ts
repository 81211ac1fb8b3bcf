/** Adagrad; equation in `optimization/src/adagrad.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function adagradAt(w: usize, g: usize, a: usize, lanes: i32, rate: v128, epsilon: v128, decay: v128): void {
  const value = load(w, lanes);
  const gradient = f32x4.add(load(g, lanes), f32x4.mul(decay, value));
  const accumulated = f32x4.add(load(a, lanes), f32x4.mul(gradient, gradient));
  store(a, accumulated, lanes);
  const denominator = f32x4.add(f32x4.sqrt(accumulated), epsilon);
  store(w, f32x4.sub(value, f32x4.div(f32x4.mul(rate, gradient), denominator)), lanes);
}

export function adagrad(
  w: usize,
  g: usize,
  accumulator: usize,
  count: i32,
  learningRate: f32,
  epsilon: f32,
  weightDecay: f32,
): void {
  const whole = wholeBytes(count);
  const rate = f32x4.splat(learningRate);
  const e = f32x4.splat(epsilon);
  const decay = f32x4.splat(weightDecay);
  for (let i: usize = 0; i < whole; i += 16) adagradAt(w + i, g + i, accumulator + i, 4, rate, e, decay);
  for (let i = whole, end = allBytes(count); i < end; i += 4) adagradAt(w + i, g + i, accumulator + i, 1, rate, e, decay);
}
