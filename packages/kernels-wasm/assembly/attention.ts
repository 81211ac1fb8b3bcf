/**
 * Multi-head attention, softmax(scale·Q·Kᵀ)·V, eight queries at a time: their scores against all keys of a block stand
 * transposed, [keys][8], so that the softmax runs down the lanes and the scores are the second operand of the product
 * with V as they are. The score matrix as a whole never exists.
 *
 * Holding the scores of one head whole, [T×T], and calling the packed products and softmax on them was slower at every
 * size tried (one thread, heads of 32, relaxed build; GFLOP/s, matrix product of 256³ in the same run: 51):
 *
 *      T    whole forward / backward    by eights    by eights, causal (half of the products)
 *     64           23 / 28               25 / 33            20 / 26
 *    128           24 / 29               28 / 36            24 / 31
 *    256           24 / 30               28 / 37            27 / 35
 *
 * Sources  Vaswani et al., "Attention Is All You Need", 2017; Dao et al., "FlashAttention", 2022 (blocks of keys, merged
 *          by their log-sum-exp, which the backward pass computes the scores from).
 */
import { multiplyPanels, packEight, packLines, writeTransposed } from "./attention-panels";
import { exponential, logarithmLanes } from "./exponential";
import { load, store } from "./lanes";
import { ACROSS, ALONG } from "./panels";
import { packedA } from "./scratch";

/** Bounds of a block of keys: its scores take 32 KiB, its panels of K and V 768 KiB of the scratch. */
const MOST_KEYS: i32 = 1024;
const MOST_PANEL: i32 = 98_304;

/** See `src/families/attention.ts`. */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  out: usize,
  logSumExp: usize,
  batch: i32,
  heads: i32,
  positions: i32,
  headWidth: i32,
  rowStride: i32,
  outStride: i32,
  causal: bool,
  scale: f32,
): void {
  const block = min(MOST_KEYS, (MOST_PANEL / headWidth) & ~7);
  for (let sample = 0; sample < batch; sample++) {
    for (let head = 0; head < heads; head++) {
      const at = (<usize>head * headWidth) << 2;
      const from = at + ((<usize>sample * positions * rowStride) << 2);
      const to = out + at + ((<usize>sample * positions * outStride) << 2);
      for (let first = 0; first < positions; first += block) {
        const keys = min(block, positions - first);
        attendBlock(
          q + from, k + from, v + from, to, logSumExp,
          positions, headWidth, <usize>rowStride << 2, <usize>outStride << 2, causal, scale, first, keys,
        );
      }
      logSumExp += <usize>positions << 2;
    }
  }
}

/** One head and the keys [first, first + keys), with all queries that may see them. `first` is a multiple of 8. */
function attendBlock(
  q: usize,
  k: usize,
  v: usize,
  out: usize,
  logSumExp: usize,
  positions: i32,
  width: i32,
  step: usize,
  outStep: usize,
  causal: bool,
  scale: f32,
  first: i32,
  keys: i32,
): void {
  const panelsK = packedA();
  const panelsV = packLines(ALONG, k + <usize>first * step, step, keys, width, panelsK);
  const eight = packLines(ACROSS, v + <usize>first * step, step, width, keys, panelsV);
  const result = eight + (<usize>width << 5);
  const factors = result + (<usize>width << 5);
  const scores = factors + 64;
  const merge = first > 0;
  for (let query = causal ? first : 0; query < positions; query += 8) {
    const rows = min(8, positions - query);
    const seen = causal ? min(keys, query + 8 - first) : keys;
    packEight(ALONG, q + <usize>query * step, step, rows, width, eight, scale);
    multiplyPanels(panelsK, keys, width, 0, seen, 0, width, eight, scores);
    if (causal) hideFuture(scores, query - first, seen);
    const sums = logSumExp + (<usize>query << 2);
    softmaxLanes(scores, seen, min(4, rows), sums, factors, merge);
    if (rows > 4) softmaxLanes(scores + 16, seen, rows - 4, sums + 16, factors + 16, merge);
    multiplyPanels(panelsV, width, keys, 0, width, 0, seen, scores, result);
    const to = out + <usize>query * outStep;
    for (let row = 0; merge && row < rows; row++) {
      scaleRow(to + <usize>row * outStep, width, f32.load(factors + 32 + (<usize>row << 2)));
    }
    writeTransposed(result, width, factors, to, outStep, rows, merge);
  }
}

/** Query `query` + l sees the keys up to its own position: the few beyond it among the last eight are hidden. */
function hideFuture(scores: usize, query: i32, seen: i32): void {
  const low = i32x4.add(i32x4.splat(query), i32x4(0, 1, 2, 3));
  const high = i32x4.add(low, i32x4.splat(4));
  const hidden = f32x4.splat(-Infinity);
  for (let key = query + 1; key < seen; key++) {
    const at = scores + (<usize>key << 5);
    const keys = i32x4.splat(key);
    v128.store(at, v128.bitselect(hidden, v128.load(at), i32x4.gt_s(keys, low)));
    v128.store(at, v128.bitselect(hidden, v128.load(at, 16), i32x4.gt_s(keys, high)), 16);
  }
}

/**
 * scores = exp(scores − maximum) of four queries, down the keys; stores their log-sum-exp L and what the products with V
 * are to be multiplied by: 1/Σ. With `merge`, L₀ of the keys before stands at `sums`: then L = ln(e^L₀ + e^L₁), the new
 * products count e^(L₁−L)/Σ, and those before e^(L₀−L), which is left 32 bytes further.
 */
function softmaxLanes(scores: usize, keys: i32, lanes: i32, sums: usize, factors: usize, merge: bool): void {
  const end = scores + (<usize>keys << 5);
  let greatest = v128.load(scores);
  // A NaN may get lost here, but not in the sum. `max`, which keeps it, takes eight instructions, one after the other.
  for (let at = scores + 32; at < end; at += 32) greatest = f32x4.pmax(greatest, v128.load(at));
  let sum = f32x4.splat(0);
  for (let at = scores; at < end; at += 32) {
    const e = exponential(f32x4.sub(v128.load(at), greatest));
    v128.store(at, e);
    sum = f32x4.add(sum, e);
  }
  const one = f32x4.splat(1);
  const found = f32x4.add(greatest, logarithmLanes(sum));
  if (merge) {
    const before = load(sums, lanes);
    const top = f32x4.pmax(before, found);
    const old = exponential(f32x4.sub(before, top));
    const young = exponential(f32x4.sub(found, top));
    const both = f32x4.add(old, young);
    store(sums, f32x4.add(top, logarithmLanes(both)), lanes);
    v128.store(factors, f32x4.div(young, f32x4.mul(both, sum)));
    v128.store(factors, f32x4.div(old, both), 32);
  } else {
    store(sums, found, lanes);
    v128.store(factors, f32x4.div(one, sum));
  }
}

/** x = factor · x. */
function scaleRow(x: usize, count: i32, factor: f32): void {
  for (const end = x + (<usize>count << 2); x < end; x += 4) f32.store(x, f32.load(x) * factor);
}
