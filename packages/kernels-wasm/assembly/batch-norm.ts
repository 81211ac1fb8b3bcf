/**
 * Batch norm on x[rows, channels, positions] (positions 1: features), Ioffe and Szegedy, ICML 2015.
 *
 *   mean[c] = Σ x / n,  variance[c] = Σ (x − mean)² / n     over the n = rows·positions values of a channel
 *   y  = (x − mean)·weight·inverse + bias                   with inverse = 1 / √(variance + ε)
 *   dBias = Σ dy,  dWeight = Σ dy·(x − mean)·inverse
 *   dx = weight·inverse·(dy − dBias/n − (x − mean)·inverse·dWeight/n)
 *
 * Sums are taken in float64 (of two values each) and the variance in a second pass: no digits are lost when a mean is
 * far from zero. Where
 * the positions are one, four channels go side by side; else four positions of one channel.
 */
import { addPromoted, laneMask, load, store, sumDoubles } from "./lanes";

/** `pointer` 0 stands for zeros. */
// @ts-ignore: decorator
@inline
function loadOrZero(pointer: usize, at: usize, lanes: i32): v128 {
  return pointer ? load(pointer + at, lanes) : f32x4.splat(0);
}

// @ts-ignore: decorator
@inline
function splatOrZero(pointer: usize, at: usize): v128 {
  return f32x4.splat(pointer ? f32.load(pointer + at) : 0);
}

/** a, or a·(b − middle) where there is a b. */
// @ts-ignore: decorator
@inline
function term(a: v128, b: usize, at: usize, middle: v128, lanes: i32): v128 {
  return b ? f32x4.mul(a, f32x4.sub(load(b + at, lanes), middle)) : a;
}

/**
 * out[c] = scale · Σ (a − middleA)·(b − middleB) over a channel; without b (0) the sum of a − middleA. Middles are one
 * number a channel; 0: none.
 */
function reduceChannels(
  a: usize,
  middleA: usize,
  b: usize,
  middleB: usize,
  out: usize,
  rows: i32,
  channels: i32,
  positions: i32,
  scale: f64,
): void {
  const rowBytes = <usize>(channels * positions) << 2;
  if (positions == 1) {
    for (let c = 0; c < channels; c += 4) {
      const lanes = min(4, channels - c);
      const at = <usize>c << 2;
      let low = f64x2.splat(0);
      let high = f64x2.splat(0);
      const ma = loadOrZero(middleA, at, lanes);
      const mb = loadOrZero(middleB, at, lanes);
      let i = at;
      for (let row = 0; row < rows; row++) {
        const value = term(f32x4.sub(load(a + i, lanes), ma), b, i, mb, lanes);
        low = f64x2.add(low, f64x2.promote_low_f32x4(value));
        high = f64x2.add(high, f64x2.promote_low_f32x4(i64x2.shuffle(value, value, 1, 1)));
        i += rowBytes;
      }
      low = f32x4.demote_f64x2_zero(f64x2.mul(low, f64x2.splat(scale)));
      high = f32x4.demote_f64x2_zero(f64x2.mul(high, f64x2.splat(scale)));
      store(out + at, i64x2.shuffle(low, high, 0, 2), lanes);
    }
    return;
  }
  for (let c = 0; c < channels; c++) {
    const at = <usize>c << 2;
    const ma = splatOrZero(middleA, at);
    const mb = splatOrZero(middleB, at);
    let total = f64x2.splat(0);
    for (let row = 0; row < rows; row++) {
      let i = <usize>row * rowBytes + at * positions;
      let left = positions;
      for (; left >= 8; left -= 8) {
        const first = term(f32x4.sub(v128.load(a + i), ma), b, i, mb, 4);
        const second = term(f32x4.sub(v128.load(a + i, 16), ma), b, i + 16, mb, 4);
        total = addPromoted(total, f32x4.add(first, second));
        i += 32;
      }
      for (; left > 0; left -= 4) {
        const lanes = min(4, left);
        const value = term(f32x4.sub(load(a + i, lanes), ma), b, i, mb, lanes);
        total = addPromoted(total, v128.and(value, laneMask(lanes)));
        i += 16;
      }
    }
    f32.store(out + at, <f32>(sumDoubles(total) * scale));
  }
}

/** out[c] = Σ x over a channel: the bias gradient of a convolution. */
export function channelSums(x: usize, out: usize, rows: i32, channels: i32, positions: i32): void {
  reduceChannels(x, 0, 0, 0, out, rows, channels, positions, 1);
}

export function channelMoments(
  x: usize,
  mean: usize,
  variance: usize,
  rows: i32,
  channels: i32,
  positions: i32,
): void {
  const share = 1 / (<f64>rows * <f64>positions);
  reduceChannels(x, 0, 0, 0, mean, rows, channels, positions, share);
  reduceChannels(x, mean, x, mean, variance, rows, channels, positions, share);
}

/** What `affine` does to a value of a channel: (a − first − slope·(b − middle))·scale + shift. */
// @ts-ignore: decorator
@inline
function moved(
  a: usize,
  b: usize,
  at: usize,
  first: v128,
  slope: v128,
  middle: v128,
  scale: v128,
  shift: v128,
  lanes: i32,
): v128 {
  let value = f32x4.sub(load(a + at, lanes), first);
  if (b) value = f32x4.sub(value, f32x4.mul(slope, f32x4.sub(load(b + at, lanes), middle)));
  return f32x4.add(f32x4.mul(value, scale), shift);
}

// @ts-ignore: decorator
@inline
function inverseOf(variance: v128, epsilon: f32): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(epsilon))));
}

/**
 * out = (a − share·first − slope·(b − mean))·weight·inverse + bias with slope = share·gradient·inverse; the terms of `b`
 * and what is 0 are left out. All but a, b and out are one number a channel.
 */
function affine(
  a: usize,
  first: usize,
  share: f32,
  b: usize,
  gradient: usize,
  mean: usize,
  variance: usize,
  epsilon: f32,
  weight: usize,
  bias: usize,
  out: usize,
  rows: i32,
  channels: i32,
  positions: i32,
): void {
  const side = positions == 1 ? 4 : 1;
  const rowBytes = <usize>(channels * positions) << 2;
  const part = f32x4.splat(share);
  for (let c = 0; c < channels; c += side) {
    const at = <usize>c << 2;
    const lanes = min(side, channels - c);
    const inverse = inverseOf(perChannel(variance, at, lanes, side), epsilon);
    const start = f32x4.mul(perChannel(first, at, lanes, side), part);
    const slope = f32x4.mul(f32x4.mul(perChannel(gradient, at, lanes, side), part), inverse);
    const middle = perChannel(mean, at, lanes, side);
    const scale = f32x4.mul(perChannel(weight, at, lanes, side), inverse);
    const shift = perChannel(bias, at, lanes, side);
    for (let row = 0; row < rows; row++) {
      let i = <usize>row * rowBytes + at * positions;
      if (side == 4) {
        store(out + i, moved(a, b, i, start, slope, middle, scale, shift, lanes), lanes);
        continue;
      }
      let left = positions;
      for (; left >= 4; left -= 4) {
        v128.store(out + i, moved(a, b, i, start, slope, middle, scale, shift, 4));
        i += 16;
      }
      if (left) store(out + i, moved(a, b, i, start, slope, middle, scale, shift, left), left);
    }
  }
}

/** Numbers of `lanes` channels side by side, or of one channel in all lanes; 0 stands for zeros. */
function perChannel(pointer: usize, at: usize, lanes: i32, side: i32): v128 {
  return side == 4 ? loadOrZero(pointer, at, lanes) : splatOrZero(pointer, at);
}

/** y = (x − mean)·weight·inverse + bias; mean and bias 0: none. */
export function batchNorm(
  x: usize,
  weight: usize,
  bias: usize,
  mean: usize,
  variance: usize,
  y: usize,
  rows: i32,
  channels: i32,
  positions: i32,
  epsilon: f32,
): void {
  affine(x, mean, 1, 0, 0, 0, variance, epsilon, weight, bias, y, rows, channels, positions);
}

export function batchNormGradient(
  x: usize,
  dy: usize,
  weight: usize,
  mean: usize,
  variance: usize,
  dx: usize,
  dWeight: usize,
  dBias: usize,
  rows: i32,
  channels: i32,
  positions: i32,
  epsilon: f32,
): void {
  reduceChannels(dy, 0, 0, 0, dBias, rows, channels, positions, 1);
  reduceChannels(dy, 0, x, mean, dWeight, rows, channels, positions, 1);
  for (let c = 0; c < channels; c += 4) {
    const at = <usize>c << 2;
    const lanes = min(4, channels - c);
    const inverse = inverseOf(load(variance + at, lanes), epsilon);
    store(dWeight + at, f32x4.mul(load(dWeight + at, lanes), inverse), lanes);
  }
  if (!dx) return;
  const share = <f32>(1 / (<f64>rows * <f64>positions));
  affine(dy, dBias, share, x, dWeight, mean, variance, epsilon, weight, 0, dx, rows, channels, positions);
}
