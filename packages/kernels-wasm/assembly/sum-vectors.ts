/** Sum of several vectors, element by element in their order (K1), and elements kept within bounds. */
import { allBytes, load, store, wholeBytes } from "./lanes";

/** Floats of `out` that are finished before the next ones are begun: they stay in the first cache. */
const BLOCK: i32 = 2048;

// @ts-ignore: decorator
@inline
function sum4At(a: usize, b: usize, c: usize, d: usize, out: usize, lanes: i32): void {
  const sum = f32x4.add(f32x4.add(load(a, lanes), load(b, lanes)), load(c, lanes));
  store(out, f32x4.add(sum, load(d, lanes)), lanes);
}

function sum4(a: usize, b: usize, c: usize, d: usize, out: usize, count: i32): void {
  const whole = wholeBytes(count);
  for (let i: usize = 0; i < whole; i += 16) sum4At(a + i, b + i, c + i, d + i, out + i, 4);
  for (let i = whole, end = allBytes(count); i < end; i += 4) sum4At(a + i, b + i, c + i, d + i, out + i, 1);
}

// @ts-ignore: decorator
@inline
function sum2At(a: usize, b: usize, out: usize, lanes: i32): void {
  store(out, f32x4.add(load(a, lanes), load(b, lanes)), lanes);
}

function sum2(a: usize, b: usize, out: usize, count: i32): void {
  const whole = wholeBytes(count);
  for (let i: usize = 0; i < whole; i += 16) sum2At(a + i, b + i, out + i, 4);
  for (let i = whole, end = allBytes(count); i < end; i += 4) sum2At(a + i, b + i, out + i, 1);
}

/** Byte offset of the vector at `index` of the list. */
// @ts-ignore: decorator
@inline
function vectorAt(list: usize, index: i32): usize {
  return <usize>u32(i32.load(list + (<usize>index << 2)));
}

export function sumVectors(list: usize, vectors: i32, out: usize, count: i32): void {
  if (vectors == 0) {
    memory.fill(out, 0, <usize>count << 2);
    return;
  }
  for (let begin = 0; begin < count; begin += BLOCK) {
    const at = <usize>begin << 2;
    const size = min(BLOCK, count - begin);
    const to = out + at;
    if (vectors == 1) memory.copy(to, vectorAt(list, 0) + at, <usize>size << 2);
    let sum = vectorAt(list, 0) + at;
    let next = 1;
    for (; next + 3 <= vectors; next += 3) {
      sum4(sum, vectorAt(list, next) + at, vectorAt(list, next + 1) + at, vectorAt(list, next + 2) + at, to, size);
      sum = to;
    }
    for (; next < vectors; next++) {
      sum2(sum, vectorAt(list, next) + at, to, size);
      sum = to;
    }
  }
}

/** x = max(−limit, min(limit, x)); NaN stays. */
export function clamp(x: usize, count: i32, limit: f32): void {
  const whole = wholeBytes(count);
  const high = f32x4.splat(limit);
  const low = f32x4.splat(-limit);
  for (let i: usize = 0; i < whole; i += 16) clampAt(x + i, 4, low, high);
  for (let i = whole, end = allBytes(count); i < end; i += 4) clampAt(x + i, 1, low, high);
}

/** The pseudo-minimum is one instruction, and keeps its first operand when that is NaN. */
// @ts-ignore: decorator
@inline
function clampAt(x: usize, lanes: i32, low: v128, high: v128): void {
  store(x, f32x4.pmax(f32x4.pmin(load(x, lanes), high), low), lanes);
}
