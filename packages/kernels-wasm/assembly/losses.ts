/** Element-wise losses: each is added up in float64 and writes the gradient of the mean. */
import { exponential, logOnePlus } from "./exponential";
import { addPromoted, laneMask, load, store, sumDoubles } from "./lanes";

/** ln(1 + e) of each lane, summed over the first `lanes`. */
function sumLogOnePlus(e: v128, lanes: i32): f64 {
  let sum = logOnePlus(f32x4.extract_lane(e, 0));
  if (lanes > 1) sum += logOnePlus(f32x4.extract_lane(e, 1));
  if (lanes > 2) sum += logOnePlus(f32x4.extract_lane(e, 2));
  if (lanes > 3) sum += logOnePlus(f32x4.extract_lane(e, 3));
  return sum;
}

/** max(x, 0) − x·t + ln(1 + e^−|x|): the cross-entropy without an overflow. Gradient (σ(x) − t)/count. */
export function binaryCrossEntropy(logits: usize, targets: usize, gradient: usize, count: i32): f64 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const scale = f32x4.splat(1 / <f32>count);
  let linear = f64x2.splat(0);
  let loss: f64 = 0;
  for (let i = 0; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const lanes = min(4, count - i);
    const x = load(logits + at, lanes);
    const t = load(targets + at, lanes);
    const e = exponential(f32x4.neg(f32x4.abs(x)));
    loss += sumLogOnePlus(e, lanes);
    linear = addPromoted(linear, v128.and(f32x4.sub(f32x4.max(x, zero), f32x4.mul(x, t)), laneMask(lanes)));
    const probability = f32x4.div(v128.bitselect(e, one, f32x4.lt(x, zero)), f32x4.add(one, e));
    store(gradient + at, f32x4.mul(f32x4.sub(probability, t), scale), lanes);
  }
  return (loss + sumDoubles(linear)) / count;
}

/** (p − t)², gradient 2(p − t)/count. */
export function meanSquaredError(predictions: usize, targets: usize, gradient: usize, count: i32): f64 {
  const scale = f32x4.splat(2 / <f32>count);
  let sum = f64x2.splat(0);
  for (let i = 0; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const lanes = min(4, count - i);
    const difference = f32x4.sub(load(predictions + at, lanes), load(targets + at, lanes));
    sum = addPromoted(sum, f32x4.mul(difference, difference));
    store(gradient + at, f32x4.mul(difference, scale), lanes);
  }
  return sumDoubles(sum) / count;
}

/**
 * ½d² for |d| ≤ δ, else δ(|d| − ½δ), with d = p − t and so gradient clamp(d, ±δ)/count. With c the clamped d both are
 * |c|·(|d| − ½|c|). Huber, "Robust Estimation of a Location Parameter", 1964.
 */
export function huber(predictions: usize, targets: usize, gradient: usize, count: i32, delta: f32): f64 {
  const scale = f32x4.splat(1 / <f32>count);
  const half = f32x4.splat(0.5);
  const most = f32x4.splat(delta);
  const least = f32x4.neg(most);
  let sum = f64x2.splat(0);
  for (let i = 0; i < count; i += 4) {
    const at = (<usize>i) << 2;
    const lanes = min(4, count - i);
    const difference = f32x4.sub(load(predictions + at, lanes), load(targets + at, lanes));
    const clamped = f32x4.max(least, f32x4.min(most, difference));
    const width = f32x4.abs(clamped);
    sum = addPromoted(sum, f32x4.mul(width, f32x4.sub(f32x4.abs(difference), f32x4.mul(half, width))));
    store(gradient + at, f32x4.mul(clamped, scale), lanes);
  }
  return sumDoubles(sum) / count;
}
