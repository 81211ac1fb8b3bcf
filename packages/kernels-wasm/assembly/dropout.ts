/**
 * Dropout whose mask is a function of (seed, epoch, sample, layer, element) alone: the same on every platform, for any cut
 * of the batches, and again in the backward pass, which therefore keeps no mask.
 *
 * The random words are those of Philox4×32-10 with the seed as key and the counter (block, sample, epoch, layer); element
 * i of a sample has word (i >> 2) & 3 of block 4·(i >> 4) + (i & 3), so that four blocks fill the lanes and no lane moves.
 * It is dropped when its word is below rate·2³².
 *
 * Sources  Srivastava et al., "Dropout", JMLR 2014; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
import { load, store } from "./lanes";

const MULTIPLIER_0: i32 = 0xd2511f53;
const MULTIPLIER_1: i32 = 0xcd9e8d57;
const WEYL_0: i32 = 0x9e3779b9;
const WEYL_1: i32 = 0xbb67ae85;
const ROUNDS: i32 = 10;

/** Upper or lower halves of four 64-bit products. */
// @ts-ignore: decorator
@inline
function upper(low: v128, high: v128): v128 {
  return i32x4.shuffle(low, high, 1, 3, 5, 7);
}

// @ts-ignore: decorator
@inline
function lower(low: v128, high: v128): v128 {
  return i32x4.shuffle(low, high, 0, 2, 4, 6);
}

/** y[rows][columns] = x·scale where an element stays, else 0; `dropBelow` is rate·2³². y may be x. */
export function dropout(
  x: usize,
  y: usize,
  rows: i32,
  columns: i32,
  dropBelow: i32,
  scale: f32,
  seedLow: i32,
  seedHigh: i32,
  epoch: i32,
  first: i32,
  layer: i32,
): void {
  const thresholds = i32x4.splat(dropBelow);
  const scales = f32x4.splat(scale);
  for (let row = 0; row < rows; row++) {
    let block = i32x4(0, 1, 2, 3);
    for (let left = columns; left > 0; left -= 16) {
      let c0 = block;
      let c1 = i32x4.splat(first + row);
      let c2 = i32x4.splat(epoch);
      let c3 = i32x4.splat(layer);
      let key0 = seedLow;
      let key1 = seedHigh;
      for (let round = 0; round < ROUNDS; round++) {
        const m0 = i32x4.splat(MULTIPLIER_0);
        const m1 = i32x4.splat(MULTIPLIER_1);
        const low0 = i64x2.extmul_low_i32x4_u(c0, m0);
        const high0 = i64x2.extmul_high_i32x4_u(c0, m0);
        const low1 = i64x2.extmul_low_i32x4_u(c2, m1);
        const high1 = i64x2.extmul_high_i32x4_u(c2, m1);
        c0 = v128.xor(v128.xor(upper(low1, high1), c1), i32x4.splat(key0));
        c2 = v128.xor(v128.xor(upper(low0, high0), c3), i32x4.splat(key1));
        c1 = lower(low1, high1);
        c3 = lower(low0, high0);
        key0 += WEYL_0;
        key1 += WEYL_1;
      }
      keep(x, y, left, c0, thresholds, scales);
      keep(x + 16, y + 16, left - 4, c1, thresholds, scales);
      keep(x + 32, y + 32, left - 8, c2, thresholds, scales);
      keep(x + 48, y + 48, left - 12, c3, thresholds, scales);
      const bytes = <usize>min(16, left) << 2;
      x += bytes;
      y += bytes;
      block = i32x4.add(block, i32x4.splat(4));
    }
  }
}

/** Up to four of the `left` elements that remain. */
// @ts-ignore: decorator
@inline
function keep(x: usize, y: usize, left: i32, words: v128, thresholds: v128, scales: v128): void {
  if (left <= 0) return;
  const lanes = min(4, left);
  const stays = i32x4.ge_u(words, thresholds);
  store(y, v128.and(f32x4.mul(load(x, lanes), scales), stays), lanes);
}
