/**
 * Layer norm and RMS norm along rows: x̂ = (x − μ)·r, y = x̂ ⊙ weight (+ bias), with r = 1/√(mean of (x − μ)² + ε); RMS
 * norm has μ = 0 and no bias. Two passes over a row, which is in the nearest cache for the second: (x − μ)² cancels no
 * digits where x² − μ² would.
 *
 * Backward, with g = dy ⊙ weight:  dx = r·(g − mean(g) − x̂·mean(g ⊙ x̂)), without mean(g) for RMS norm;
 * dWeight = Σ dy ⊙ x̂, dBias = Σ dy, row by row.
 *
 * Sources  Ba, Kiros and Hinton, "Layer Normalization", 2016; Zhang and Sennrich, "Root Mean Square Layer
 *          Normalization", 2019.
 */
import { laneMask, load, store, sumLanes, wholeBytes } from "./lanes";

/** Σ x, or with `squared` Σ (x − mean)², in four sums of lanes. */
// @ts-ignore: decorator
@inline
function sumRow(x: usize, columns: i32, mean: f32, squared: bool): f32 {
  const means = f32x4.splat(mean);
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let left = columns;
  for (; left >= 16; left -= 16) {
    s0 = f32x4.add(s0, term(v128.load(x), means, squared));
    s1 = f32x4.add(s1, term(v128.load(x, 16), means, squared));
    s2 = f32x4.add(s2, term(v128.load(x, 32), means, squared));
    s3 = f32x4.add(s3, term(v128.load(x, 48), means, squared));
    x += 64;
  }
  for (; left > 0; left -= 4) {
    const lanes = min(4, left);
    s0 = f32x4.add(s0, v128.and(term(load(x, lanes), means, squared), laneMask(lanes)));
    x += 16;
  }
  return sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

// @ts-ignore: decorator
@inline
function term(x: v128, means: v128, squared: bool): v128 {
  if (!squared) return x;
  const centred = f32x4.sub(x, means);
  return f32x4.mul(centred, centred);
}

// @ts-ignore: decorator
@inline
function normalizeAt(x: usize, weight: usize, bias: usize, i: usize, y: usize, shift: v128, scale: v128, lanes: i32): void {
  let value = f32x4.mul(f32x4.mul(f32x4.sub(load(x, lanes), shift), scale), load(weight, lanes));
  if (bias) value = f32x4.add(value, load(bias + i, lanes));
  store(y, value, lanes);
}

/** `means` and `bias` are 0 for RMS norm. */
export function normalize(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  means: usize,
  inverses: usize,
  rows: i32,
  columns: i32,
  epsilon: f32,
): void {
  const rowBytes = <usize>columns << 2;
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  for (let row = 0; row < rows; row++) {
    const at = <usize>row << 2;
    const mean = means ? sumRow(x, columns, 0, false) / <f32>columns : 0;
    const inverse: f32 = <f32>1 / sqrt(sumRow(x, columns, mean, true) / <f32>columns + epsilon);
    if (means) f32.store(means + at, mean);
    f32.store(inverses + at, inverse);
    const shift = f32x4.splat(mean);
    const scale = f32x4.splat(inverse);
    for (let i: usize = 0; i < whole; i += 16) normalizeAt(x + i, weight + i, bias, i, y + i, shift, scale, 4);
    if (rest) normalizeAt(x + whole, weight + whole, bias, whole, y + whole, shift, scale, rest);
    x += rowBytes;
    y += rowBytes;
  }
}

/** `means` and `dBias` are 0 for RMS norm; `dWeight` is 0 where only dx is wanted, `dx` where it is not. */
export function normalizeGradient(
  x: usize,
  weight: usize,
  means: usize,
  inverses: usize,
  dy: usize,
  dx: usize,
  dWeight: usize,
  dBias: usize,
  rows: i32,
  columns: i32,
): void {
  const rowBytes = <usize>columns << 2;
  if (dWeight) memory.fill(dWeight, 0, rowBytes);
  if (dBias) memory.fill(dBias, 0, rowBytes);
  for (let row = 0; row < rows; row++) {
    const at = <usize>row << 2;
    const shift = means ? v128.load32_splat(means + at) : f32x4.splat(0);
    const scale = v128.load32_splat(inverses + at);
    if (dWeight) addRowGradients(x, shift, scale, dy, dWeight, dBias, columns);
    if (dx) inputGradient(x, weight, shift, scale, dy, dx, columns, means != 0);
    x += rowBytes;
    dy += rowBytes;
    if (dx) dx += rowBytes;
  }
}

// @ts-ignore: decorator
@inline
function addRowGradients(x: usize, shift: v128, scale: v128, dy: usize, dWeight: usize, dBias: usize, columns: i32): void {
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  for (let i: usize = 0; i < whole; i += 16) addGradientsAt(x + i, shift, scale, dy + i, dWeight + i, dBias, i, 4);
  if (rest) addGradientsAt(x + whole, shift, scale, dy + whole, dWeight + whole, dBias, whole, rest);
}

// @ts-ignore: decorator
@inline
function addGradientsAt(
  x: usize,
  shift: v128,
  scale: v128,
  dy: usize,
  dWeight: usize,
  dBias: usize,
  i: usize,
  lanes: i32,
): void {
  const slope = load(dy, lanes);
  const normal = f32x4.mul(f32x4.sub(load(x, lanes), shift), scale);
  store(dWeight, f32x4.add(load(dWeight, lanes), f32x4.mul(slope, normal)), lanes);
  if (dBias) store(dBias + i, f32x4.add(load(dBias + i, lanes), slope), lanes);
}

// @ts-ignore: decorator
@inline
function inputGradient(
  x: usize,
  weight: usize,
  shift: v128,
  scale: v128,
  dy: usize,
  dx: usize,
  columns: i32,
  centred: bool,
): void {
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  let sum = f32x4.splat(0);
  let product = f32x4.splat(0);
  for (let i: usize = 0; i < whole; i += 16) {
    const g = f32x4.mul(v128.load(dy + i), v128.load(weight + i));
    sum = f32x4.add(sum, g);
    product = f32x4.add(product, f32x4.mul(g, f32x4.mul(f32x4.sub(v128.load(x + i), shift), scale)));
  }
  if (rest) {
    const g = f32x4.mul(load(dy + whole, rest), load(weight + whole, rest));
    sum = f32x4.add(sum, g);
    product = f32x4.add(product, f32x4.mul(g, f32x4.mul(f32x4.sub(load(x + whole, rest), shift), scale)));
  }
  const mean = f32x4.splat(centred ? sumLanes(sum) / <f32>columns : 0);
  const along = f32x4.splat(sumLanes(product) / <f32>columns);
  for (let i: usize = 0; i < whole; i += 16) {
    inputGradientAt(x + i, weight + i, shift, scale, dy + i, dx + i, mean, along, 4);
  }
  if (rest) inputGradientAt(x + whole, weight + whole, shift, scale, dy + whole, dx + whole, mean, along, rest);
}

// @ts-ignore: decorator
@inline
function inputGradientAt(
  x: usize,
  weight: usize,
  shift: v128,
  scale: v128,
  dy: usize,
  dx: usize,
  mean: v128,
  along: v128,
  lanes: i32,
): void {
  const g = f32x4.mul(load(dy, lanes), load(weight, lanes));
  const normal = f32x4.mul(f32x4.sub(load(x, lanes), shift), scale);
  store(dx, f32x4.mul(scale, f32x4.sub(f32x4.sub(g, mean), f32x4.mul(normal, along))), lanes);
}
