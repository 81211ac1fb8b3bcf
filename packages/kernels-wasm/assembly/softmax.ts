/** Softmax along rows, and the two losses on it. Each row is shifted by its greatest element, so nothing overflows. */
import { exponential, logarithm } from "./exponential";
import { laneMask, load, maxLanes, store, sumLanes, wholeBytes } from "./lanes";

/**
 * Greatest element of a row. A NaN may get lost here, but not in the sum of exponentials; `max`, which keeps it, takes
 * eight instructions, one after the other.
 */
function rowMaximum(x: usize, columns: i32): f32 {
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  let greatest = f32x4.splat(-Infinity);
  for (let i: usize = 0; i < whole; i += 16) greatest = f32x4.pmax(greatest, v128.load(x + i));
  if (rest) {
    const last = v128.bitselect(load(x + whole, rest), f32x4.splat(-Infinity), laneMask(rest));
    greatest = f32x4.pmax(greatest, last);
  }
  return maxLanes(greatest);
}

/** exp((x − shift)·scale) of one group. */
// @ts-ignore: decorator
@inline
function shifted(x: usize, lanes: i32, shift: v128, scale: v128): v128 {
  return exponential(f32x4.mul(f32x4.sub(load(x, lanes), shift), scale));
}

/** y = exp(x − shift); @returns Σ y */
function exponentialRow(x: usize, y: usize, columns: i32, shift: f32): f32 {
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  const shifts = f32x4.splat(shift);
  const one = f32x4.splat(1);
  let sum = f32x4.splat(0);
  for (let i: usize = 0; i < whole; i += 16) {
    const e = shifted(x + i, 4, shifts, one);
    v128.store(y + i, e);
    sum = f32x4.add(sum, e);
  }
  if (rest) {
    const e = shifted(x + whole, rest, shifts, one);
    store(y + whole, e, rest);
    sum = f32x4.add(sum, v128.and(e, laneMask(rest)));
  }
  return sumLanes(sum);
}

/** y = scale·y − shift. */
function scaleAndShift(y: usize, columns: i32, scale: f32, shift: f32): void {
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  const scales = f32x4.splat(scale);
  const shifts = f32x4.splat(shift);
  for (let i: usize = 0; i < whole; i += 16) {
    v128.store(y + i, f32x4.sub(f32x4.mul(v128.load(y + i), scales), shifts));
  }
  if (rest) store(y + whole, f32x4.sub(f32x4.mul(load(y + whole, rest), scales), shifts), rest);
}

export function softmax(x: usize, y: usize, rows: i32, columns: i32): void {
  const rowBytes = <usize>columns << 2;
  for (let row = 0; row < rows; row++) {
    const sum = exponentialRow(x, y, columns, rowMaximum(x, columns));
    scaleAndShift(y, columns, 1 / sum, 0);
    x += rowBytes;
    y += rowBytes;
  }
}

/** dx = y ⊙ (dy − Σ y ⊙ dy) along rows, for y = softmax(x). */
export function softmaxGradient(y: usize, dy: usize, dx: usize, rows: i32, columns: i32): void {
  const rowBytes = <usize>columns << 2;
  for (let row = 0; row < rows; row++) {
    let sum = f32x4.splat(0);
    for (let j = 0; j < columns; j += 4) {
      const at = <usize>j << 2;
      const lanes = min(4, columns - j);
      sum = f32x4.add(sum, f32x4.mul(load(y + at, lanes), load(dy + at, lanes)));
    }
    const sums = f32x4.splat(sumLanes(sum));
    for (let j = 0; j < columns; j += 4) {
      const at = <usize>j << 2;
      const lanes = min(4, columns - j);
      store(dx + at, f32x4.mul(load(y + at, lanes), f32x4.sub(load(dy + at, lanes), sums)), lanes);
    }
    y += rowBytes;
    dy += rowBytes;
    dx += rowBytes;
  }
}

/** Σ (shift − x) over a row. */
function sumBelow(x: usize, columns: i32, shift: f32): f64 {
  let sum: f64 = 0;
  for (let j = 0; j < columns; j++) sum += <f64>shift - <f64>f32.load(x + (<usize>j << 2));
  return sum;
}

/**
 * With m the row's maximum, S = Σ exp(x − m) and the target (1−ε)·onehot + ε/C, the loss of a row is
 * ln S + (1−ε)(m − x[label]) + (ε/C) Σ(m − x): terms that are all ≥ 0, so nothing cancels.
 */
export function softmaxCrossEntropy(
  logits: usize,
  labels: usize,
  gradient: usize,
  rows: i32,
  classes: i32,
  smoothing: f32,
): f64 {
  const rowBytes = <usize>classes << 2;
  const onLabel = 1 - <f64>smoothing;
  const onAll = <f64>smoothing / <f64>classes;
  let loss: f64 = 0;
  for (let row = 0; row < rows; row++) {
    const label = <usize>i32.load(labels + (<usize>row << 2)) << 2;
    const greatest = rowMaximum(logits, classes);
    const below = <f64>greatest - <f64>f32.load(logits + label);
    if (smoothing != 0) loss += onAll * sumBelow(logits, classes, greatest);
    const sum = exponentialRow(logits, gradient, classes, greatest);
    loss += logarithm(sum) + onLabel * below;
    scaleAndShift(gradient, classes, <f32>(1 / (<f64>sum * rows)), <f32>(onAll / rows));
    f32.store(gradient + label, f32.load(gradient + label) - <f32>(onLabel / rows));
    logits += rowBytes;
    gradient += rowBytes;
  }
  return loss / rows;
}

/** Σ exp((x − shift)/T) over a row. */
function sumTempered(x: usize, columns: i32, shift: f32, inverse: f32): f32 {
  const shifts = f32x4.splat(shift);
  const scales = f32x4.splat(inverse);
  let sum = f32x4.splat(0);
  for (let j = 0; j < columns; j += 4) {
    const lanes = min(4, columns - j);
    sum = f32x4.add(sum, v128.and(shifted(x + (<usize>j << 2), lanes, shifts, scales), laneMask(lanes)));
  }
  return sumLanes(sum);
}

/**
 * T²·KL(teacher ‖ student) of softmaxes at temperature T, mean over rows; its gradient by the student's logits is
 * T·(student − teacher)/rows. Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.
 */
export function distillation(
  logits: usize,
  teacher: usize,
  gradient: usize,
  rows: i32,
  classes: i32,
  temperature: f32,
): f64 {
  const inverse = <f32>1 / temperature;
  const scales = f32x4.splat(inverse);
  const rowBytes = <usize>classes << 2;
  let loss: f64 = 0;
  for (let row = 0; row < rows; row++) {
    const shift = rowMaximum(logits, classes);
    const teacherShift = rowMaximum(teacher, classes);
    const sum = sumTempered(logits, classes, shift, inverse);
    const teacherSum = sumTempered(teacher, classes, teacherShift, inverse);
    const factor = f32x4.splat(temperature / sum / <f32>rows);
    const teacherFactor = f32x4.splat(temperature / teacherSum / <f32>rows);
    const shifts = f32x4.splat(shift);
    const teacherShifts = f32x4.splat(teacherShift);
    let divergence = f32x4.splat(0);
    for (let j = 0; j < classes; j += 4) {
      const lanes = min(4, classes - j);
      const at = <usize>j << 2;
      const x = f32x4.mul(f32x4.sub(load(logits + at, lanes), shifts), scales);
      const t = f32x4.mul(f32x4.sub(load(teacher + at, lanes), teacherShifts), scales);
      const e = exponential(t);
      divergence = f32x4.add(divergence, v128.and(f32x4.mul(e, f32x4.sub(t, x)), laneMask(lanes)));
      const slope = f32x4.sub(f32x4.mul(exponential(x), factor), f32x4.mul(e, teacherFactor));
      store(gradient + at, slope, lanes);
    }
    loss += <f64>sumLanes(divergence) / <f64>teacherSum + logarithm(sum) - logarithm(teacherSum);
    logits += rowBytes;
    teacher += rowBytes;
    gradient += rowBytes;
  }
  return (<f64>temperature * <f64>temperature * loss) / rows;
}

/** Index of the first greatest element of each row. */
export function argmaxRows(x: usize, out: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    let best = 0;
    let greatest = f32.load(x);
    for (let j = 1; j < columns; j++) {
      const value = f32.load(x + (<usize>j << 2));
      if (value > greatest) {
        greatest = value;
        best = j;
      }
    }
    i32.store(out + (<usize>row << 2), best);
    x += <usize>columns << 2;
  }
}
