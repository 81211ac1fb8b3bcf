/** Element-wise activations and their derivatives. */
import { exponential, hyperbolicTangent, logistic, normalDistribution } from "./exponential";
import { load, store, wholeBytes } from "./lanes";

/** Numbers of the activations; `src/activation-codes.ts` has the same. */
export const IDENTITY: i32 = 0;
export const RELU: i32 = 1;
export const TANH: i32 = 2;
export const SIGMOID: i32 = 3;
export const GELU: i32 = 4;

/** `activation` is a constant at every call, so that no branch is left inside a loop. */
// @ts-ignore: decorator
@inline
export function activated(x: v128, activation: i32): v128 {
  if (activation == RELU) return v128.andnot(x, f32x4.lt(x, f32x4.splat(0)));
  if (activation == TANH) return hyperbolicTangent(x);
  if (activation == SIGMOID) return logistic(x);
  if (activation == GELU) return f32x4.mul(x, normalDistribution(x));
  return x;
}

// @ts-ignore: decorator
@inline
function activateAll(x: usize, y: usize, count: i32, activation: i32): void {
  const whole = wholeBytes(count);
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, activated(v128.load(x + i), activation));
  if (count & 3) store(y + whole, activated(load(x + whole, count & 3), activation), count & 3);
}

export function activate(x: usize, y: usize, count: i32, activation: i32): void {
  if (activation == RELU) activateAll(x, y, count, RELU);
  else if (activation == TANH) activateAll(x, y, count, TANH);
  else if (activation == SIGMOID) activateAll(x, y, count, SIGMOID);
  else if (activation == GELU) activateAll(x, y, count, GELU);
  else if (x != y) memory.copy(y, x, <usize>count << 2);
}

/** Φ(x) + x·φ(x) with φ(x) = exp(−x²/2) / √(2π). */
// @ts-ignore: decorator
@inline
function geluSlope(x: v128): v128 {
  const exponent = f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5));
  const density = f32x4.mul(exponential(exponent), f32x4.splat(0.39894228));
  return f32x4.add(normalDistribution(x), f32x4.mul(x, density));
}

/** dy · activation', from the activation's output y (gelu: its input). */
// @ts-ignore: decorator
@inline
function gradient(y: v128, dy: v128, activation: i32): v128 {
  if (activation == RELU) return v128.and(dy, f32x4.gt(y, f32x4.splat(0)));
  if (activation == TANH) return f32x4.mul(dy, f32x4.sub(f32x4.splat(1), f32x4.mul(y, y)));
  if (activation == SIGMOID) return f32x4.mul(dy, f32x4.mul(y, f32x4.sub(f32x4.splat(1), y)));
  if (activation == GELU) return f32x4.mul(dy, geluSlope(y));
  return dy;
}

// @ts-ignore: decorator
@inline
function gradientAll(y: usize, dy: usize, dx: usize, count: i32, activation: i32): void {
  const whole = wholeBytes(count);
  const rest = count & 3;
  for (let i: usize = 0; i < whole; i += 16) {
    v128.store(dx + i, gradient(v128.load(y + i), v128.load(dy + i), activation));
  }
  if (rest) store(dx + whole, gradient(load(y + whole, rest), load(dy + whole, rest), activation), rest);
}

export function activateGradient(y: usize, dy: usize, dx: usize, count: i32, activation: i32): void {
  if (activation == RELU) gradientAll(y, dy, dx, count, RELU);
  else if (activation == TANH) gradientAll(y, dy, dx, count, TANH);
  else if (activation == SIGMOID) gradientAll(y, dy, dx, count, SIGMOID);
  else if (activation == GELU) gradientAll(y, dy, dx, count, GELU);
  else if (dy != dx) memory.copy(dx, dy, <usize>count << 2);
}
