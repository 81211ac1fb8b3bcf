/**
 * The k elements of greatest magnitude, exactly k of them, ties to the lower index.
 *
 * Magnitudes order like their bits. The k-th is found digit by digit (11, 10 and 10 bits) with a histogram. So that most
 * elements are never counted, a sample gives a bound that about 1.5·k elements reach; one pass collects those. Where the
 * bound was wrong (fewer than k reach it, or too many), the digits are found among all elements: slower, the same result.
 */
import { allBytes } from "./lanes";

const MAGNITUDE: i32 = 0x7fffffff;
/** Elements of a sample. */
const SAMPLE: i32 = 8192;
/** Vectors shorter than this are searched whole. */
const LEAST_COUNT: i32 = 65536;
/** Bytes of the histogram at the beginning of the scratch. */
const HISTOGRAM: usize = 8192;

/** Of the elements that are equal to the threshold, how many belong to the k: the second result of `thresholdOf`. */
let ties: i32 = 0;

// @ts-ignore: decorator
@inline
function magnitudeAt(x: usize, index: i32): i32 {
  return i32.load(x + allBytes(index)) & MAGNITUDE;
}

/**
 * One digit: of the elements whose bits above it are those of `prefix`, the digit that the k-th greatest of them has.
 * `ties` goes in as k and comes out as the rank within those with that digit.
 */
function digitOf(x: usize, count: i32, histogram: usize, prefix: i32, shift: i32, bits: i32): i32 {
  const bins = 1 << bits;
  const above = shift + bits;
  memory.fill(histogram, 0, <usize>bins << 2);
  const wanted = prefix >>> above;
  for (let i = 0; i < count; i++) {
    const magnitude = magnitudeAt(x, i);
    if (magnitude >>> above != wanted) continue;
    const bin = histogram + (<usize>((magnitude >>> shift) & (bins - 1)) << 2);
    i32.store(bin, i32.load(bin) + 1);
  }
  let digit = bins - 1;
  for (; digit > 0; digit--) {
    const found = i32.load(histogram + allBytes(digit));
    if (found >= ties) break;
    ties -= found;
  }
  return digit;
}

/** Magnitude bits of the k-th greatest of `count` elements, 1 ≤ k ≤ count. */
function thresholdOf(x: usize, count: i32, k: i32, histogram: usize): i32 {
  ties = k;
  let prefix = digitOf(x, count, histogram, 0, 20, 11) << 20;
  prefix |= digitOf(x, count, histogram, prefix, 10, 10) << 10;
  return prefix | digitOf(x, count, histogram, prefix, 0, 10);
}

/** A magnitude that somewhat more than k elements are likely to reach. `room` holds SAMPLE floats. */
function boundOf(x: usize, count: i32, k: i32, histogram: usize, room: usize): i32 {
  const stride = <usize>(count / SAMPLE) << 4;
  // Four neighbours at a time: a quarter of the cache lines.
  for (let i: usize = 0; i < allBytes(SAMPLE); i += 16) {
    v128.store(room + i, v128.load(x));
    x += stride;
  }
  // Four standard deviations above the k-th's expected rank in the sample.
  const expected = (<f32>k * <f32>SAMPLE) / <f32>count;
  const rank = <i32>(expected + 4 * sqrt<f32>(expected)) + 4;
  return thresholdOf(room, SAMPLE, min(rank, SAMPLE), histogram);
}

/** Writes indices and values of the elements that reach `bound`. @returns how many; −1 when there is no room for them */
function collect(x: usize, count: i32, bound: i32, indices: usize, values: usize, capacity: i32): i32 {
  const below = i32x4.splat(bound - 1);
  const mask = i32x4.splat(MAGNITUDE);
  let found = 0;
  for (let i = 0; i < count; i += 16) {
    const left = count - i;
    const at = x + allBytes(i);
    let reach: i32;
    if (left >= 16) {
      const a = i32x4.gt_s(v128.and(v128.load(at), mask), below);
      const b = i32x4.gt_s(v128.and(v128.load(at, 16), mask), below);
      const c = i32x4.gt_s(v128.and(v128.load(at, 32), mask), below);
      const d = i32x4.gt_s(v128.and(v128.load(at, 48), mask), below);
      reach = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
    } else {
      reach = 0;
      for (let j = 0; j < left; j++) if (magnitudeAt(at, j) >= bound) reach |= 1 << j;
    }
    if (reach == 0) continue;
    if (found + 16 > capacity) return -1;
    do {
      const index = i + ctz(reach);
      i32.store(indices + allBytes(found), index);
      i32.store(values + allBytes(found), i32.load(x + allBytes(index)));
      found++;
      reach &= reach - 1;
    } while (reach != 0);
  }
  return found;
}

/**
 * @param scratch - histogram, then `capacity` indices, then `capacity` values; capacity ≥ SAMPLE when count ≥ LEAST_COUNT
 * @param clears - the chosen elements of x become 0
 */
export function topK(
  x: usize,
  count: i32,
  k: i32,
  indices: usize,
  values: usize,
  clears: bool,
  scratch: usize,
  capacity: i32,
): void {
  if (k == 0) return;
  let data = x;
  let size = count;
  let names: usize = 0;
  if (count >= LEAST_COUNT && k < count >> 3) {
    const candidates = scratch + HISTOGRAM;
    const room = candidates + allBytes(capacity);
    const bound = boundOf(x, count, k, scratch, room);
    const found = collect(x, count, bound, candidates, room, capacity);
    if (found >= k) {
      names = candidates;
      data = room;
      size = found;
    }
  }
  const threshold = thresholdOf(data, size, k, scratch);
  let left = ties;
  const end = allBytes(k);
  // Whether an element is chosen is hard to foresee, so each is written and the next overwrites it.
  for (let i = 0, written: usize = 0; written < end; i++) {
    const magnitude = magnitudeAt(data, i);
    const index = names ? i32.load(names + allBytes(i)) : i;
    i32.store(indices + written, index);
    i32.store(values + written, i32.load(data + allBytes(i)));
    const tie = magnitude == threshold ? left-- : 0;
    written += <usize>(i32(magnitude > threshold) | i32(tie > 0)) << 2;
  }
  if (!clears) return;
  for (let i: usize = 0; i < end; i += 4) i32.store(x + allBytes(i32.load(indices + i)), 0);
}
