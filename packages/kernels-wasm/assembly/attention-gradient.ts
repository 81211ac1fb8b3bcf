/**
 * The gradients of attention. With P = exp(scale·Q·Kᵀ − L) and D the sum of dO ⊙ O along each row,
 *   dV = Pᵀ·dO,  dS = P ⊙ (dO·Vᵀ − D),  dQ = scale·dS·K,  dK = scale·dSᵀ·Q.
 *
 * Scores are computed again from L, for a block of queries and eight keys at a time, [queries][8]: the second operand of
 * the products that give dVᵀ and dKᵀ as they stand. For dQ the same scores are kept for a block of queries and a block of
 * keys, transposed by eights.
 *
 * Source  Dao et al., "FlashAttention", 2022, algorithm 4.
 */
import { multiplyPanels, packEight, packLines, writeTransposed } from "./attention-panels";
import { exponential } from "./exponential";
import { load, sumLanes } from "./lanes";
import { ACROSS, ALONG } from "./panels";
import { packedA } from "./scratch";
import { TILE_ROWS } from "./micro-kernels";

/** Bounds of a block of queries and of keys: its scores take 256 KiB, its five sets of panels 640 KiB of the scratch. */
const MOST_ROWS: i32 = 256;
const MOST_PANEL: i32 = 32_768;

/** Where the pass has its blocks in the scratch; set anew for each block of queries. */
let panelsQ: usize = 0;
let panelsO: usize = 0;
let columnsQ: usize = 0;
let columnsO: usize = 0;
let columnsK: usize = 0;
let eightK: usize = 0;
let eightV: usize = 0;
let result: usize = 0;
let factors: usize = 0;
let deltas: usize = 0;
let weights: usize = 0;
let slopes: usize = 0;
let kept: usize = 0;

/** See `src/families/attention.ts`. */
export function attentionGradient(
  q: usize,
  k: usize,
  v: usize,
  out: usize,
  logSumExp: usize,
  dOut: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  batch: i32,
  heads: i32,
  positions: i32,
  headWidth: i32,
  rowStride: i32,
  outStride: i32,
  causal: bool,
  scale: f32,
): void {
  const block = min(MOST_ROWS, (MOST_PANEL / headWidth) & ~7);
  const step = <usize>rowStride << 2;
  const outStep = <usize>outStride << 2;
  layOut(headWidth, min(block, (positions + 7) & ~7), scale);
  for (let sample = 0; sample < batch; sample++) {
    for (let head = 0; head < heads; head++) {
      const at = (<usize>head * headWidth) << 2;
      const row = at + <usize>sample * positions * step;
      const outRow = at + <usize>sample * positions * outStep;
      for (let key = 0; key < positions; key += block) {
        const keys = min(block, positions - key);
        const keyRow = row + <usize>key * step;
        packLines(ACROSS, k + keyRow, step, headWidth, keys, columnsK);
        for (let query = causal ? key : 0; query < positions; query += block) {
          const queries = min(block, positions - query);
          const queryRow = row + <usize>query * step;
          const outAt = outRow + <usize>query * outStep;
          packQueries(q + queryRow, step, dOut + outAt, out + outAt, outStep, queries, headWidth);
          const sums = logSumExp + (<usize>query << 2);
          const diagonal = causal && query == key;
          const more = causal ? query > key : query > 0;
          keyGradients(
            k + keyRow, v + keyRow, dk + keyRow, dv + keyRow, step,
            keys, queries, headWidth, sums, scale, diagonal, more,
          );
          queryGradients(dq + queryRow, step, keys, queries, headWidth, diagonal, key > 0);
        }
      }
      logSumExp += <usize>positions << 2;
    }
  }
}

/** Lays the scratch out for blocks of `block` queries and keys; the factors of the result are `scale`. */
function layOut(width: i32, block: i32, scale: f32): void {
  const panelBytes = (<usize>width * block) << 2;
  const eightBytes = <usize>width << 5;
  panelsQ = packedA();
  panelsO = panelsQ + panelBytes;
  columnsQ = panelsO + panelBytes;
  columnsO = columnsQ + panelBytes;
  columnsK = columnsO + panelBytes;
  eightK = columnsK + panelBytes;
  eightV = eightK + eightBytes;
  result = eightV + eightBytes;
  factors = result + eightBytes;
  deltas = factors + 64;
  weights = deltas + (<usize>block << 2);
  slopes = weights + (<usize>block << 5);
  kept = slopes + (<usize>block << 5);
  const one = f32x4.splat(1);
  const scales = f32x4.splat(scale);
  v128.store(factors, one);
  v128.store(factors, one, 16);
  v128.store(factors, scales, 32);
  v128.store(factors, scales, 48);
}

/** Packs a block of queries and of their outputs' gradients both ways, and sums dO ⊙ O along their rows. */
function packQueries(q: usize, step: usize, dOut: usize, out: usize, outStep: usize, queries: i32, width: i32): void {
  packLines(ALONG, q, step, queries, width, panelsQ);
  packLines(ALONG, dOut, outStep, queries, width, panelsO);
  packLines(ACROSS, q, step, width, queries, columnsQ);
  packLines(ACROSS, dOut, outStep, width, queries, columnsO);
  for (let i = 0; i < queries; i++) {
    let sum = f32x4.splat(0);
    for (let d = 0; d < width; d += 4) {
      const at = <usize>d << 2;
      const lanes = min(4, width - d);
      sum = f32x4.add(sum, f32x4.mul(load(dOut + at, lanes), load(out + at, lanes)));
    }
    f32.store(deltas + (<usize>i << 2), sumLanes(sum));
    dOut += outStep;
    out += outStep;
  }
}

/** dk and dv of a block of keys from a block of queries, eight keys at a time; keeps dS for the queries' gradients. */
function keyGradients(
  k: usize,
  v: usize,
  dk: usize,
  dv: usize,
  step: usize,
  keys: i32,
  queries: i32,
  width: i32,
  sums: usize,
  scale: f32,
  diagonal: bool,
  add: bool,
): void {
  for (let key = 0; key < keys; key += 8) {
    const rows = min(8, keys - key);
    const row = <usize>key * step;
    const begin = diagonal ? key : 0;
    const first = begin - (begin % TILE_ROWS);
    packEight(ALONG, k + row, step, rows, width, eightK, scale);
    packEight(ALONG, v + row, step, rows, width, eightV, 1);
    multiplyPanels(panelsQ, queries, width, first, queries, 0, width, eightK, weights);
    multiplyPanels(panelsO, queries, width, first, queries, 0, width, eightV, slopes);
    if (diagonal) {
      const end = min(queries, key + 8);
      differentiate(begin, end, sums, key);
      differentiate(end, queries, sums, -8);
    } else differentiate(0, queries, sums, -8);
    multiplyPanels(columnsO, width, queries, 0, width, begin, queries - begin, weights, result);
    writeTransposed(result, width, factors, dv + row, step, rows, add);
    multiplyPanels(columnsQ, width, queries, 0, width, begin, queries - begin, slopes, result);
    writeTransposed(result, width, factors + 32, dk + row, step, rows, add);
    keep(begin, queries, kept + (<usize>key << 5), keptBytes(keys));
  }
}

/** P and dS from scores and dO·Vᵀ, for the queries [begin, end) and eight keys from `key` on; the later ones are hidden. */
function differentiate(begin: i32, end: i32, sums: usize, key: i32): void {
  const low = i32x4.add(i32x4.splat(key), i32x4(0, 1, 2, 3));
  const high = i32x4.add(low, i32x4.splat(4));
  for (let query = begin; query < end; query++) {
    const at = <usize>query << 5;
    const sum = v128.load32_splat(sums + (<usize>query << 2));
    const delta = v128.load32_splat(deltas + (<usize>query << 2));
    const position = i32x4.splat(query);
    const p0 = v128.andnot(exponential(f32x4.sub(v128.load(weights + at), sum)), i32x4.gt_s(low, position));
    v128.store(weights + at, p0);
    v128.store(slopes + at, f32x4.mul(p0, f32x4.sub(v128.load(slopes + at), delta)));
    const p1 = v128.andnot(exponential(f32x4.sub(v128.load(weights + at, 16), sum)), i32x4.gt_s(high, position));
    v128.store(weights + at, p1, 16);
    v128.store(slopes + at, f32x4.mul(p1, f32x4.sub(v128.load(slopes + at, 16), delta)), 16);
  }
}

/** Bytes of dS of eight queries and a block of keys: whole eights of them, so that the last ones have room. */
// @ts-ignore: decorator
@inline
function keptBytes(keys: i32): usize {
  return <usize>((keys + 7) & ~7) << 5;
}

/** Transposes dS[queries][8] by eights to where the keys' block [queries/8][keys][8] has these eight keys. */
function keep(begin: i32, queries: i32, to: usize, blockBytes: usize): void {
  to += <usize>(begin >> 3) * blockBytes;
  for (let query = begin; query < queries; query += 8) {
    writeTransposed(slopes + (<usize>query << 5), 8, factors, to, 32, 8, false);
    to += blockBytes;
  }
}

/** dq of a block of queries from a block of keys, eight queries at a time. */
function queryGradients(
  dq: usize,
  step: usize,
  keys: i32,
  queries: i32,
  width: i32,
  diagonal: bool,
  add: bool,
): void {
  let from = kept;
  for (let query = 0; query < queries; query += 8) {
    const seen = diagonal ? min(keys, query + 8) : keys;
    multiplyPanels(columnsK, width, keys, 0, width, 0, seen, from, result);
    writeTransposed(result, width, factors + 32, dq, step, min(8, queries - query), add);
    from += keptBytes(keys);
    dq += step << 3;
  }
}
