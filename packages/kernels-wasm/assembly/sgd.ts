/** Stochastic gradient descent with momentum; equations in `optimization/src/sgd.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function sgdAt(w: usize, g: usize, lanes: i32, rate: v128, decay: v128): void {
  const value = load(w, lanes);
  const gradient = f32x4.add(load(g, lanes), f32x4.mul(decay, value));
  store(w, f32x4.sub(value, f32x4.mul(rate, gradient)), lanes);
}

export function sgd(w: usize, g: usize, count: i32, learningRate: f32, weightDecay: f32): void {
  const whole = wholeBytes(count);
  const rate = f32x4.splat(learningRate);
  const decay = f32x4.splat(weightDecay);
  for (let i: usize = 0; i < whole; i += 16) sgdAt(w + i, g + i, 4, rate, decay);
  for (let i = whole, end = allBytes(count); i < end; i += 4) sgdAt(w + i, g + i, 1, rate, decay);
}

// @ts-ignore: decorator
@inline
function momentumAt(
  w: usize,
  g: usize,
  u: usize,
  lanes: i32,
  rate: v128,
  momentum: v128,
  undamped: v128,
  decay: v128,
  nesterov: bool,
  first: bool,
): void {
  const value = load(w, lanes);
  const gradient = f32x4.add(load(g, lanes), f32x4.mul(decay, value));
  const velocity = first
    ? gradient
    : f32x4.add(f32x4.mul(momentum, load(u, lanes)), f32x4.mul(undamped, gradient));
  store(u, velocity, lanes);
  const direction = nesterov ? f32x4.add(gradient, f32x4.mul(momentum, velocity)) : velocity;
  store(w, f32x4.sub(value, f32x4.mul(rate, direction)), lanes);
}

/** `undamped` is 1 − dampening. */
export function sgdMomentum(
  w: usize,
  g: usize,
  velocity: usize,
  count: i32,
  learningRate: f32,
  momentum: f32,
  undamped: f32,
  weightDecay: f32,
  nesterov: bool,
  first: bool,
): void {
  const whole = wholeBytes(count);
  const rate = f32x4.splat(learningRate);
  const keep = f32x4.splat(momentum);
  const take = f32x4.splat(undamped);
  const decay = f32x4.splat(weightDecay);
  for (let i: usize = 0; i < whole; i += 16) {
    momentumAt(w + i, g + i, velocity + i, 4, rate, keep, take, decay, nesterov, first);
  }
  for (let i = whole, end = allBytes(count); i < end; i += 4) {
    momentumAt(w + i, g + i, velocity + i, 1, rate, keep, take, decay, nesterov, first);
  }
}
