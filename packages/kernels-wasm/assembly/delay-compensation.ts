/** Delay compensation; equation in `optimization/src/staleness/delay-compensation.ts`. */
import { load, store, wholeBytes } from "./lanes";

/** g + factor ⊙ g ⊙ g ⊙ (w − backup). */
// @ts-ignore: decorator
@inline
function compensated(gradient: v128, squared: v128, w: usize, backup: usize, lanes: i32, factor: v128): v128 {
  const drift = f32x4.sub(load(w, lanes), load(backup, lanes));
  return f32x4.add(gradient, f32x4.mul(f32x4.mul(factor, squared), drift));
}

// @ts-ignore: decorator
@inline
function compensateAt(g: usize, w: usize, backup: usize, out: usize, lanes: i32, lambda: v128): void {
  const gradient = load(g, lanes);
  const squared = f32x4.mul(gradient, gradient);
  store(out, compensated(gradient, squared, w, backup, lanes, lambda), lanes);
}

export function compensateDelay(g: usize, w: usize, backup: usize, out: usize, count: i32, lambda: f32): void {
  const whole = wholeBytes(count);
  const factor = f32x4.splat(lambda);
  for (let i: usize = 0; i < whole; i += 16) compensateAt(g + i, w + i, backup + i, out + i, 4, factor);
  if (count & 3) compensateAt(g + whole, w + whole, backup + whole, out + whole, count & 3, factor);
}

// @ts-ignore: decorator
@inline
function compensateAdaptivelyAt(
  g: usize,
  w: usize,
  backup: usize,
  square: usize,
  out: usize,
  lanes: i32,
  lambda: v128,
  decay: v128,
  rest: v128,
  epsilon: v128,
): void {
  const gradient = load(g, lanes);
  const squared = f32x4.mul(gradient, gradient);
  const mean = f32x4.add(f32x4.mul(decay, load(square, lanes)), f32x4.mul(rest, squared));
  store(square, mean, lanes);
  const factor = f32x4.div(lambda, f32x4.sqrt(f32x4.add(mean, epsilon)));
  store(out, compensated(gradient, squared, w, backup, lanes, factor), lanes);
}

export function compensateDelayAdaptively(
  g: usize,
  w: usize,
  backup: usize,
  square: usize,
  out: usize,
  count: i32,
  lambda: f32,
  decay: f32,
  rest: f32,
  epsilon: f32,
): void {
  const whole = wholeBytes(count);
  const l = f32x4.splat(lambda);
  const d = f32x4.splat(decay);
  const r = f32x4.splat(rest);
  const e = f32x4.splat(epsilon);
  for (let i: usize = 0; i < whole; i += 16) {
    compensateAdaptivelyAt(g + i, w + i, backup + i, square + i, out + i, 4, l, d, r, e);
  }
  if (count & 3) {
    const at = whole;
    compensateAdaptivelyAt(g + at, w + at, backup + at, square + at, out + at, count & 3, l, d, r, e);
  }
}
