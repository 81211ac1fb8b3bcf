/** FTRL-proximal in one pass; equations in `optimization/src/ftrl.ts`. */
import { allBytes, load, store, wholeBytes } from "./lanes";

/** The magnitude bits of four floats. */
const MAGNITUDE: i32 = 0x7fffffff;

/** (beta + √n) / α + l2: the curvature of what w minimises. */
// @ts-ignore: decorator
@inline
function curvature(root: v128, inverse: v128, beta: v128, l2: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.add(beta, root), inverse), l2);
}

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
): void {
  const magnitude = i32x4.splat(MAGNITUDE);
  const zero = f32x4.splat(0);
  const value = load(w, lanes);
  const gradient = load(g, lanes);
  const before = load(n, lanes);
  const after = f32x4.add(before, f32x4.mul(gradient, gradient));
  const rootBefore = f32x4.sqrt(before);
  const root = f32x4.sqrt(after);
  let linear = load(z, lanes);
  const unseen = f32x4.eq(before, zero);
  if (v128.any_true(unseen)) {
    // The z whose minimiser is w.
    const pull = f32x4.mul(curvature(zero, inverse, beta, l2), value);
    const from = f32x4.neg(f32x4.add(pull, v128.bitselect(l1, value, magnitude)));
    linear = v128.bitselect(v128.andnot(from, f32x4.eq(value, zero)), linear, unseen);
  }
  const sigma = f32x4.mul(f32x4.sub(root, rootBefore), inverse);
  linear = f32x4.add(linear, f32x4.sub(gradient, f32x4.mul(sigma, value)));
  const excess = f32x4.sub(linear, v128.bitselect(l1, linear, magnitude));
  const solved = f32x4.neg(f32x4.div(excess, curvature(root, inverse, beta, l2)));
  const next = v128.and(solved, f32x4.gt(f32x4.abs(linear), l1));
  store(w, v128.bitselect(value, next, f32x4.eq(after, zero)), lanes);
  store(z, linear, lanes);
  store(n, after, lanes);
}

/** @param inverse - 1/α */
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
): void {
  const whole = wholeBytes(count);
  const a = f32x4.splat(inverse);
  const b = f32x4.splat(beta);
  const lasso = f32x4.splat(l1);
  const ridge = f32x4.splat(l2);
  for (let i: usize = 0; i < whole; i += 16) ftrlAt(w + i, g + i, z + i, n + i, 4, a, b, lasso, ridge);
  for (let i = whole, end = allBytes(count); i < end; i += 4) {
    ftrlAt(w + i, g + i, z + i, n + i, 1, a, b, lasso, ridge);
  }
}
