/** FTRL-proximal in one pass; equations in `optimization/src/ftrl.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

/** The magnitude bits of four floats. */
const MAGNITUDE: i32 = 0x7fffffff;

// @ts-ignore: decorator
@inline
function ftrlAt(
  w: usize,
  g: usize,
  z: usize,
  n: usize,
  lanes: i32,
  inverse: v128,
  beta: v128,
  l1: v128,
  l2: v128,
  first: bool,
): void {
  const magnitude = i32x4.splat(MAGNITUDE);
  const value = load(w, lanes);
  const gradient = load(g, lanes);
  const before = load(n, lanes);
  const after = f32x4.add(before, f32x4.mul(gradient, gradient));
  const root = f32x4.sqrt(after);
  let linear = load(z, lanes);
  if (first) {
    // The z whose minimiser is w.
    const weight = f32x4.add(f32x4.mul(f32x4.add(beta, f32x4.sqrt(before)), inverse), l2);
    const signed = v128.bitselect(l1, value, magnitude);
    const from = f32x4.neg(f32x4.add(f32x4.mul(weight, value), signed));
    linear = v128.andnot(from, f32x4.eq(value, f32x4.splat(0)));
  }
  const sigma = f32x4.mul(f32x4.sub(root, f32x4.sqrt(before)), inverse);
  linear = f32x4.add(linear, f32x4.sub(gradient, f32x4.mul(sigma, value)));
  const excess = f32x4.sub(linear, v128.bitselect(l1, linear, magnitude));
  const scale = f32x4.add(f32x4.mul(f32x4.add(beta, root), inverse), l2);
  const outside = f32x4.gt(f32x4.abs(linear), l1);
  store(w, v128.and(f32x4.neg(f32x4.div(excess, scale)), outside), lanes);
  store(z, linear, lanes);
  store(n, after, lanes);
}

/**
 * @param inverse - 1/α
 * @param first - z is taken from w instead of memory
 */
export function ftrl(
  w: usize,
  g: usize,
  z: usize,
  n: usize,
  count: i32,
  inverse: f32,
  beta: f32,
  l1: f32,
  l2: f32,
  first: bool,
): void {
  const whole = wholeBytes(count);
  const a = f32x4.splat(inverse);
  const b = f32x4.splat(beta);
  const lasso = f32x4.splat(l1);
  const ridge = f32x4.splat(l2);
  for (let i: usize = 0; i < whole; i += 16) ftrlAt(w + i, g + i, z + i, n + i, 4, a, b, lasso, ridge, first);
  for (let i = whole, end = allBytes(count); i < end; i += 4) {
    ftrlAt(w + i, g + i, z + i, n + i, 1, a, b, lasso, ridge, first);
  }
}
