/** Element-wise kernels on vectors (K1: the same arithmetic for each element wherever it stands). */
import { load, store, wholeBytes } from "./lanes";

export function fill(x: usize, count: i32, value: f32): void {
  const whole = wholeBytes(count);
  const values = f32x4.splat(value);
  for (let i: usize = 0; i < whole; i += 16) v128.store(x + i, values);
  if (count & 3) store(x + whole, values, count & 3);
}

export function copy(x: usize, y: usize, count: i32): void {
  memory.copy(y, x, <usize>count << 2);
}

export function scale(x: usize, count: i32, factor: f32): void {
  scaleInto(x, x, count, factor);
}

export function scaleInto(x: usize, y: usize, count: i32, factor: f32): void {
  const whole = wholeBytes(count);
  const factors = f32x4.splat(factor);
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, f32x4.mul(factors, v128.load(x + i)));
  if (count & 3) store(y + whole, f32x4.mul(factors, load(x + whole, count & 3)), count & 3);
}

// @ts-ignore: decorator
@inline
function axpyAt(x: usize, y: usize, lanes: i32, factors: v128): void {
  store(y, f32x4.add(load(y, lanes), f32x4.mul(factors, load(x, lanes))), lanes);
}

export function axpy(x: usize, y: usize, count: i32, factor: f32): void {
  const whole = wholeBytes(count);
  const factors = f32x4.splat(factor);
  for (let i: usize = 0; i < whole; i += 16) axpyAt(x + i, y + i, 4, factors);
  if (count & 3) axpyAt(x + whole, y + whole, count & 3, factors);
}

/** out = factor · (bytes − shift), four bytes at a time. */
// @ts-ignore: decorator
@inline
function scaleBytes(bytes: v128, factors: v128, shifts: v128): v128 {
  const integers = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
  return f32x4.mul(factors, f32x4.sub(f32x4.convert_i32x4_s(integers), shifts));
}

export function bytesToFloats(x: usize, out: usize, count: i32, factor: f32, shift: f32): void {
  const whole = count & ~3;
  const factors = f32x4.splat(factor);
  const shifts = f32x4.splat(shift);
  for (let i = 0; i < whole; i += 4) {
    v128.store(out + (<usize>i << 2), scaleBytes(v128.load32_zero(x + i), factors, shifts));
  }
  for (let i = whole; i < count; i++) {
    const byte = i32x4.splat(i32.load8_u(x + i));
    store(out + (<usize>i << 2), scaleBytes(byte, factors, shifts), 1);
  }
}
