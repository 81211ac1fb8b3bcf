/** RMSprop, centred or not, with or without momentum; equation in `optimization/src/rmsprop.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function rmspropAt(
  w: usize,
  g: usize,
  q: usize,
  mean: usize,
  u: usize,
  lanes: i32,
  rate: v128,
  alpha: v128,
  rest: v128,
  epsilon: v128,
  momentum: v128,
  decay: v128,
  centered: bool,
  moving: bool,
): void {
  const value = load(w, lanes);
  const gradient = f32x4.add(load(g, lanes), f32x4.mul(decay, value));
  const square = f32x4.add(f32x4.mul(alpha, load(q, lanes)), f32x4.mul(rest, f32x4.mul(gradient, gradient)));
  store(q, square, lanes);
  let variance = square;
  if (centered) {
    const average = f32x4.add(f32x4.mul(alpha, load(mean, lanes)), f32x4.mul(rest, gradient));
    store(mean, average, lanes);
    // Rounding may push E[g²] − E[g]² below zero.
    variance = f32x4.max(f32x4.sub(square, f32x4.mul(average, average)), f32x4.splat(0));
  }
  const direction = f32x4.div(gradient, f32x4.add(f32x4.sqrt(variance), epsilon));
  if (moving) {
    const velocity = f32x4.add(f32x4.mul(momentum, load(u, lanes)), direction);
    store(u, velocity, lanes);
    store(w, f32x4.sub(value, f32x4.mul(rate, velocity)), lanes);
  } else {
    store(w, f32x4.sub(value, f32x4.mul(rate, direction)), lanes);
  }
}

/** `rest` is 1 − alpha. */
export function rmsprop(
  w: usize,
  g: usize,
  square: usize,
  mean: usize,
  velocity: usize,
  count: i32,
  learningRate: f32,
  alpha: f32,
  rest: f32,
  epsilon: f32,
  momentum: f32,
  weightDecay: f32,
): void {
  const whole = wholeBytes(count);
  const rate = f32x4.splat(learningRate);
  const a = f32x4.splat(alpha);
  const r = f32x4.splat(rest);
  const e = f32x4.splat(epsilon);
  const mu = f32x4.splat(momentum);
  const d = f32x4.splat(weightDecay);
  const centered = mean != 0;
  const moving = velocity != 0;
  for (let i: usize = 0; i < whole; i += 16) {
    rmspropAt(w + i, g + i, square + i, mean + i, velocity + i, 4, rate, a, r, e, mu, d, centered, moving);
  }
  for (let i = whole, end = allBytes(count); i < end; i += 4) {
    rmspropAt(w + i, g + i, square + i, mean + i, velocity + i, 1, rate, a, r, e, mu, d, centered, moving);
  }
}
