/** LARS once its local rate is known; equations in `optimization/src/lars.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function larsAt(w: usize, g: usize, u: usize, lanes: i32, rate: v128, momentum: v128, decay: v128): void {
  const value = load(w, lanes);
  const gradient = f32x4.add(load(g, lanes), f32x4.mul(decay, value));
  const velocity = f32x4.add(f32x4.mul(momentum, load(u, lanes)), f32x4.mul(rate, gradient));
  store(u, velocity, lanes);
  store(w, f32x4.sub(value, velocity), lanes);
}

/** u ← momentum·u + rate·(g + decay·w); w ← w − u. */
export function lars(w: usize, g: usize, u: usize, count: i32, rate: f32, momentum: f32, decay: f32): void {
  const whole = wholeBytes(count);
  const r = f32x4.splat(rate);
  const m = f32x4.splat(momentum);
  const d = f32x4.splat(decay);
  for (let i: usize = 0; i < whole; i += 16) larsAt(w + i, g + i, u + i, 4, r, m, d);
  for (let i = whole, end = allBytes(count); i < end; i += 4) larsAt(w + i, g + i, u + i, 1, r, m, d);
}
