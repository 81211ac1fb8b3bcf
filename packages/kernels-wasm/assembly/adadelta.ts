/** Adadelta; equation in `optimization/src/adadelta.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function adadeltaAt(
  w: usize,
  g: usize,
  q: usize,
  d: usize,
  lanes: i32,
  rate: v128,
  rho: v128,
  rest: v128,
  epsilon: v128,
  decay: v128,
): void {
  const value = load(w, lanes);
  const gradient = f32x4.add(load(g, lanes), f32x4.mul(decay, value));
  const square = f32x4.add(f32x4.mul(rho, load(q, lanes)), f32x4.mul(rest, f32x4.mul(gradient, gradient)));
  store(q, square, lanes);
  const accumulated = load(d, lanes);
  const ratio = f32x4.div(f32x4.sqrt(f32x4.add(accumulated, epsilon)), f32x4.sqrt(f32x4.add(square, epsilon)));
  const delta = f32x4.mul(ratio, gradient);
  store(d, f32x4.add(f32x4.mul(rho, accumulated), f32x4.mul(rest, f32x4.mul(delta, delta))), lanes);
  store(w, f32x4.sub(value, f32x4.mul(rate, delta)), lanes);
}

/** `rest` is 1 − rho. */
export function adadelta(
  w: usize,
  g: usize,
  square: usize,
  delta: usize,
  count: i32,
  learningRate: f32,
  rho: f32,
  rest: f32,
  epsilon: f32,
  weightDecay: f32,
): void {
  const whole = wholeBytes(count);
  const rate = f32x4.splat(learningRate);
  const p = f32x4.splat(rho);
  const r = f32x4.splat(rest);
  const e = f32x4.splat(epsilon);
  const decay = f32x4.splat(weightDecay);
  for (let i: usize = 0; i < whole; i += 16) {
    adadeltaAt(w + i, g + i, square + i, delta + i, 4, rate, p, r, e, decay);
  }
  for (let i = whole, end = allBytes(count); i < end; i += 4) {
    adadeltaAt(w + i, g + i, square + i, delta + i, 1, rate, p, r, e, decay);
  }
}
