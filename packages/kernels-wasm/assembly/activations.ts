/**
 * Element-wise activations and their derivatives.
 *
 * Sources  Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016 (gelu and its form with tanh); Elfwing, Uchibe and
 *          Doya, "Sigmoid-weighted linear units", 2018 (silu). ½(1 + tanh u) is the logistic function of 2u, so gelu with
 *          tanh and silu are both x·σ(…).
 */
import { exponential, hyperbolicTangent, logistic, logOnePlusLanes, normalDistribution } from "./exponential";
import { load, store, wholeBytes } from "./lanes";

/** Numbers of the activations; `src/activation-codes.ts` has the same. */
export const IDENTITY: i32 = 0;
export const RELU: i32 = 1;
export const TANH: i32 = 2;
export const SIGMOID: i32 = 3;
export const GELU: i32 = 4;
export const LEAKY_RELU: i32 = 5;
export const GELU_TANH: i32 = 6;
export const SILU: i32 = 7;
export const SOFTPLUS: i32 = 8;

/** Slope of leaky_relu below 0, as in PyTorch. */
const LEAK: f32 = 0.01;
/** 2·√(2/π), and the share of x³ in it: gelu_tanh is x·σ(2u) with 2u = x·(OUTER + CUBIC·x²). */
const OUTER: f32 = 1.5957691;
const CUBIC: f32 = 0.07135481;

// @ts-ignore: decorator
@inline
function geluTanhExponent(x: v128): v128 {
  return f32x4.mul(x, f32x4.add(f32x4.splat(OUTER), f32x4.mul(f32x4.splat(CUBIC), f32x4.mul(x, x))));
}

/** max(x, 0) + ln(1 + e^−|x|): nothing overflows. */
// @ts-ignore: decorator
@inline
function softplus(x: v128): v128 {
  const tail = logOnePlusLanes(exponential(f32x4.neg(f32x4.abs(x))));
  return f32x4.add(f32x4.max(x, f32x4.splat(0)), tail);
}

/** `activation` is a constant at every call, so that no branch is left inside a loop. */
// @ts-ignore: decorator
@inline
export function activated(x: v128, activation: i32): v128 {
  if (activation == RELU) return v128.andnot(x, f32x4.lt(x, f32x4.splat(0)));
  if (activation == TANH) return hyperbolicTangent(x);
  if (activation == SIGMOID) return logistic(x);
  if (activation == GELU) return f32x4.mul(x, normalDistribution(x));
  if (activation == LEAKY_RELU) {
    return v128.bitselect(f32x4.mul(x, f32x4.splat(LEAK)), x, f32x4.lt(x, f32x4.splat(0)));
  }
  if (activation == GELU_TANH) return f32x4.mul(x, logistic(geluTanhExponent(x)));
  if (activation == SILU) return f32x4.mul(x, logistic(x));
  if (activation == SOFTPLUS) return softplus(x);
  return x;
}

// @ts-ignore: decorator
@inline
function activateAll(x: usize, y: usize, count: i32, activation: i32): void {
  const whole = wholeBytes(count);
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, activated(v128.load(x + i), activation));
}

/** The last one to three elements: one function for all activations, so that each stands in the code twice, not thrice. */
function activateRest(x: usize, y: usize, lanes: i32, activation: i32): void {
  const value = load(x, lanes);
  let result = value;
  if (activation == RELU) result = activated(value, RELU);
  else if (activation == TANH) result = activated(value, TANH);
  else if (activation == SIGMOID) result = activated(value, SIGMOID);
  else if (activation == GELU) result = activated(value, GELU);
  else if (activation == LEAKY_RELU) result = activated(value, LEAKY_RELU);
  else if (activation == GELU_TANH) result = activated(value, GELU_TANH);
  else if (activation == SILU) result = activated(value, SILU);
  else if (activation == SOFTPLUS) result = activated(value, SOFTPLUS);
  store(y, result, lanes);
}

export function activate(x: usize, y: usize, count: i32, activation: i32): void {
  if (activation == RELU) activateAll(x, y, count, RELU);
  else if (activation == TANH) activateAll(x, y, count, TANH);
  else if (activation == SIGMOID) activateAll(x, y, count, SIGMOID);
  else if (activation == GELU) activateAll(x, y, count, GELU);
  else if (activation == LEAKY_RELU) activateAll(x, y, count, LEAKY_RELU);
  else if (activation == GELU_TANH) activateAll(x, y, count, GELU_TANH);
  else if (activation == SILU) activateAll(x, y, count, SILU);
  else if (activation == SOFTPLUS) activateAll(x, y, count, SOFTPLUS);
  else if (x != y) memory.copy(y, x, wholeBytes(count));
  const whole = wholeBytes(count);
  if (count & 3) activateRest(x + whole, y + whole, count & 3, activation);
}

/** y = e^x; infinity from 88.4 up. */
export function exponentials(x: usize, y: usize, count: i32): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const lanes = min(4, count - i);
    // e^89 is 2^128 in the exponent's bits, infinity; beyond, they would overflow.
    store(y + at, exponential(f32x4.pmin(load(x + at, lanes), f32x4.splat(89))), lanes);
  }
}

/** Φ(x) + x·φ(x) with φ(x) = exp(−x²/2) / √(2π). */
// @ts-ignore: decorator
@inline
function geluSlope(x: v128): v128 {
  const exponent = f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5));
  const density = f32x4.mul(exponential(exponent), f32x4.splat(0.39894228));
  return f32x4.add(normalDistribution(x), f32x4.mul(x, density));
}

/** Derivative of x·σ(s) with t = x·s': σ·(1 + t·(1 − σ)). */
// @ts-ignore: decorator
@inline
function gatedSlope(s: v128, t: v128): v128 {
  const gate = logistic(s);
  const one = f32x4.splat(1);
  return f32x4.mul(gate, f32x4.add(one, f32x4.mul(t, f32x4.sub(one, gate))));
}

/** x·(2u)' = x·(OUTER + 3·CUBIC·x²). */
// @ts-ignore: decorator
@inline
function geluTanhSlope(x: v128): v128 {
  const t = f32x4.mul(x, f32x4.add(f32x4.splat(OUTER), f32x4.mul(f32x4.splat(3 * CUBIC), f32x4.mul(x, x))));
  return gatedSlope(geluTanhExponent(x), t);
}

/** dy · activation', from what `known` is for this activation: its output, or its input (see the face). */
// @ts-ignore: decorator
@inline
function gradient(known: v128, dy: v128, activation: i32): v128 {
  if (activation == RELU) return v128.and(dy, f32x4.gt(known, f32x4.splat(0)));
  if (activation == TANH) return f32x4.mul(dy, f32x4.sub(f32x4.splat(1), f32x4.mul(known, known)));
  if (activation == SIGMOID) return f32x4.mul(dy, f32x4.mul(known, f32x4.sub(f32x4.splat(1), known)));
  if (activation == GELU) return f32x4.mul(dy, geluSlope(known));
  if (activation == LEAKY_RELU) {
    return v128.bitselect(dy, f32x4.mul(dy, f32x4.splat(LEAK)), f32x4.gt(known, f32x4.splat(0)));
  }
  if (activation == GELU_TANH) return f32x4.mul(dy, geluTanhSlope(known));
  if (activation == SILU) return f32x4.mul(dy, gatedSlope(known, known));
  if (activation == SOFTPLUS) return f32x4.mul(dy, logistic(known));
  return dy;
}

// @ts-ignore: decorator
@inline
function gradientAll(known: usize, dy: usize, dx: usize, count: i32, activation: i32): void {
  const whole = wholeBytes(count);
  for (let i: usize = 0; i < whole; i += 16) {
    v128.store(dx + i, gradient(v128.load(known + i), v128.load(dy + i), activation));
  }
}

function gradientRest(known: usize, dy: usize, dx: usize, lanes: i32, activation: i32): void {
  const value = load(known, lanes);
  const slope = load(dy, lanes);
  let result = slope;
  if (activation == RELU) result = gradient(value, slope, RELU);
  else if (activation == TANH) result = gradient(value, slope, TANH);
  else if (activation == SIGMOID) result = gradient(value, slope, SIGMOID);
  else if (activation == GELU) result = gradient(value, slope, GELU);
  else if (activation == LEAKY_RELU) result = gradient(value, slope, LEAKY_RELU);
  else if (activation == GELU_TANH) result = gradient(value, slope, GELU_TANH);
  else if (activation == SILU) result = gradient(value, slope, SILU);
  else if (activation == SOFTPLUS) result = gradient(value, slope, SOFTPLUS);
  store(dx, result, lanes);
}

export function activateGradient(known: usize, dy: usize, dx: usize, count: i32, activation: i32): void {
  if (activation == RELU) gradientAll(known, dy, dx, count, RELU);
  else if (activation == TANH) gradientAll(known, dy, dx, count, TANH);
  else if (activation == SIGMOID) gradientAll(known, dy, dx, count, SIGMOID);
  else if (activation == GELU) gradientAll(known, dy, dx, count, GELU);
  else if (activation == LEAKY_RELU) gradientAll(known, dy, dx, count, LEAKY_RELU);
  else if (activation == GELU_TANH) gradientAll(known, dy, dx, count, GELU_TANH);
  else if (activation == SILU) gradientAll(known, dy, dx, count, SILU);
  else if (activation == SOFTPLUS) gradientAll(known, dy, dx, count, SOFTPLUS);
  else if (dy != dx) memory.copy(dx, dy, wholeBytes(count));
  const whole = wholeBytes(count);
  if (count & 3) gradientRest(known + whole, dy + whole, dx + whole, count & 3, activation);
}
