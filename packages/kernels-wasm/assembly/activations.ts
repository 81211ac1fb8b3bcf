/**
 * Element-wise activations and their derivatives.
 *
 * Sources  Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016 (gelu and its form with tanh); Elfwing, Uchibe and
 *          Doya, "Sigmoid-weighted linear units", 2018 (silu). ½(1 + tanh u) is the logistic function of 2u, so gelu with
 *          tanh and silu are both x·σ(…).
 */
import { exponential, hyperbolicTangent, logistic, logOnePlusLanes, normalDistribution } from "./exponential";
import { load, store, wholeBytes } from "./lanes";
import { edge } from "./scratch";

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
  return f32x4.add(f32x4.pmax(x, f32x4.splat(0)), tail);
}

/** `activation` is a constant at every call, so that no branch is left inside a loop. */
// @ts-ignore: decorator
@inline
export function activated(x: v128, activation: i32): v128 {
  if (activation == RELU) return v128.andnot(x, f32x4.lt(x, f32x4.splat(0)));
  if (activation == TANH) return hyperbolicTangent(x);
  if (activation == GELU) return f32x4.mul(x, normalDistribution(x));
  if (activation == LEAKY_RELU) {
    return v128.bitselect(f32x4.mul(x, f32x4.splat(LEAK)), x, f32x4.lt(x, f32x4.splat(0)));
  }
  if (activation == SOFTPLUS) return softplus(x);
  return x;
}

// @ts-ignore: decorator
@inline
function activateAll(x: usize, y: usize, count: i32, activation: i32): void {
  const whole = wholeBytes(count);
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, activated(v128.load(x + i), activation));
}

/** sigmoid, silu and gelu_tanh by one loop: a branch that always goes one way costs less than code for each. */
function activateGated(x: usize, y: usize, count: i32, activation: i32): void {
  const whole = wholeBytes(count);
  for (let i: usize = 0; i < whole; i += 16) {
    const value = v128.load(x + i);
    const gate = logistic(activation == GELU_TANH ? geluTanhExponent(value) : value);
    v128.store(y + i, activation == SIGMOID ? gate : f32x4.mul(value, gate));
  }
}

export function activate(x: usize, y: usize, count: i32, activation: i32): void {
  if (activation == RELU) activateAll(x, y, count, RELU);
  else if (activation == TANH) activateAll(x, y, count, TANH);
  else if (activation == GELU) activateAll(x, y, count, GELU);
  else if (activation == LEAKY_RELU) activateAll(x, y, count, LEAKY_RELU);
  else if (activation == SOFTPLUS) activateAll(x, y, count, SOFTPLUS);
  else if (activation != IDENTITY) activateGated(x, y, count, activation);
  else if (x != y) memory.copy(y, x, wholeBytes(count));
  const whole = wholeBytes(count);
  const rest = count & 3;
  if (rest) {
    v128.store(edge(), load(x + whole, rest));
    activate(edge(), edge(), 4, activation);
    store(y + whole, v128.load(edge()), rest);
  }
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

/**
 * silu, gelu_tanh and softplus by one loop: x·σ(s) has the derivative σ·(1 + t·(1 − σ)) with t = x·s', and softplus has σ.
 * For gelu_tanh t is x·(OUTER + 3·CUBIC·x²).
 */
function gradientGated(known: usize, dy: usize, dx: usize, count: i32, activation: i32): void {
  const whole = wholeBytes(count);
  const one = f32x4.splat(1);
  for (let i: usize = 0; i < whole; i += 16) {
    const x = v128.load(known + i);
    let t = x;
    let s = x;
    if (activation == GELU_TANH) {
      s = geluTanhExponent(x);
      t = f32x4.mul(x, f32x4.add(f32x4.splat(OUTER), f32x4.mul(f32x4.splat(3 * CUBIC), f32x4.mul(x, x))));
    }
    const gate = logistic(s);
    let slope = f32x4.mul(v128.load(dy + i), gate);
    if (activation != SOFTPLUS) slope = f32x4.mul(slope, f32x4.add(one, f32x4.mul(t, f32x4.sub(one, gate))));
    v128.store(dx + i, slope);
  }
}

export function activateGradient(known: usize, dy: usize, dx: usize, count: i32, activation: i32): void {
  if (activation == RELU) gradientAll(known, dy, dx, count, RELU);
  else if (activation == TANH) gradientAll(known, dy, dx, count, TANH);
  else if (activation == SIGMOID) gradientAll(known, dy, dx, count, SIGMOID);
  else if (activation == GELU) gradientAll(known, dy, dx, count, GELU);
  else if (activation == LEAKY_RELU) gradientAll(known, dy, dx, count, LEAKY_RELU);
  else if (activation != IDENTITY) gradientGated(known, dy, dx, count, activation);
  else if (dy != dx) memory.copy(dx, dy, wholeBytes(count));
  const whole = wholeBytes(count);
  const rest = count & 3;
  if (rest) {
    v128.store(edge(), load(known + whole, rest));
    v128.store(edge(), load(dy + whole, rest), 16);
    activateGradient(edge(), edge() + 16, edge(), 4, activation);
    store(dx + whole, v128.load(edge()), rest);
  }
}
