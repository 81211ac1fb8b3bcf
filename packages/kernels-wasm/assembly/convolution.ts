/**
 * 2-D convolution (cross-correlation, as PyTorch's Conv2d) and its two gradients as blocked matrix products whose
 * panels are packed straight from the images: the matrix of patches never stands in memory.
 *
 *   forward          result[filters × positions]  = weight[filters × taps] · patches[taps × positions]
 *   weight gradient  dWeight[filters × taps]      = Σ dResult[filters × positions] · patchesᵀ
 *   input gradient   gradient of the patches      = weightᵀ · dResult, added to the images block by block
 *
 * Positions run through all samples of a call, so that small images fill the panels and the weights are packed once for
 * hundreds of columns. Blocks of the first and the last product are made in the scratch and moved to where they belong
 * while the cache holds them. `setConvolution` comes before each call.
 *
 * Chosen by measurement; GFLOP/s forward, best of 300 interleaved turns on one thread, where a product of 256³ has 47–53:
 *
 *                                      panels from images   patches in memory   kernel rows as depths, images in place
 *   5×5, 12×12×32 → 64                         50                  44                          28
 *   3×3, 18×18×64 → 64                         49                  46                          17
 *   5×5, 28×28×1 → 32 (depth 25)               33                  39, without bias and relu    28
 */
import { depthsOf, TABLE_LINES } from "./gather";
import { load, store, wholeBytes } from "./lanes";
import { blocked } from "./matmul";
import { ACROSS, ALONG, GATHERED } from "./panels";
import {
  filterOffsets,
  filters,
  imageSize,
  movePadded,
  paddingX,
  paddingY,
  plainSize,
  positionOffsets,
  positions,
  resultOffsets,
  scatterPatches,
  tapOffsets,
  taps,
} from "./patches";
import { BLOCK_DEPTH, packedB } from "./scratch";

/** Positions of a block of the forward product and of the input gradient. */
const FORWARD_POSITIONS: i32 = 512;
const SCATTER_POSITIONS: i32 = 256;
/** Bytes and place of a block in the scratch: behind the panels of B, of which 512 columns are used at most. */
const BLOCK_BYTES: i32 = 458_752;
const BLOCK_AT: usize = <usize>TABLE_LINES * BLOCK_DEPTH * 4;
const TABLES_AT: usize = BLOCK_AT + BLOCK_BYTES;
const TABLE_BYTES: usize = 4096;

// @ts-ignore: decorator
@inline
function block(): usize {
  return packedB() + BLOCK_AT;
}

/** Tables of operand A (0) and B (1). */
// @ts-ignore: decorator
@inline
function tables(operand: usize): usize {
  return packedB() + TABLES_AT + operand * TABLE_BYTES;
}

/** Size of equal pieces of `total`, at most `limit` each; both are multiples of `unit`, but for the last piece. */
function pieceOf(total: i32, limit: i32, unit: i32): i32 {
  const pieces = (total + limit - 1) / limit;
  const size = (total + pieces - 1) / pieces;
  return min(limit, ((size + unit - 1) / unit) * unit);
}

/** Samples that are padded at a time: enough for a block of positions (src/families/convolution.ts has the same). */
function samplesOfGroup(rows: i32): i32 {
  return paddingX || paddingY ? min(rows, max(1, FORWARD_POSITIONS / positions)) : rows;
}

/** C[m×n] (+)= A · B, where B stands as the tables of operand B say and rows of C are `lineC` floats apart. */
function multiply(
  formA: i32,
  a: usize,
  stepA: usize,
  b: usize,
  c: usize,
  lineC: i32,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
): void {
  blocked(formA, a, stepA, GATHERED, b, tables(1), c, <usize>lineC << 2, m, k, n, accumulate, 0, false);
}

/** The images of a group as the tables expect them: with their padding. */
function withPadding(images: usize, scratch: usize, samples: i32): usize {
  if (!paddingX && !paddingY) return images;
  movePadded(images, scratch, samples, false);
  return scratch;
}

/**
 * result[rows, filters, positions] = images ⋆ weight + bias[filters] (0: none), then relu where asked.
 * Overwrites result and scratch.
 */
export function convolution(
  images: usize,
  weight: usize,
  bias: usize,
  result: usize,
  scratch: usize,
  rows: i32,
  relu: bool,
): void {
  const group = samplesOfGroup(rows);
  for (let row = 0; row < rows; row += group) {
    const samples = min(group, rows - row);
    convolveGroup(withPadding(images, scratch, samples), weight, bias, result, samples, relu);
    images += <usize>(samples * plainSize) << 2;
    result += <usize>(samples * filters * positions) << 2;
  }
}

function convolveGroup(images: usize, weight: usize, bias: usize, result: usize, samples: i32, relu: bool): void {
  const total = samples * positions;
  const columns = pieceOf(total, FORWARD_POSITIONS, 8);
  const rows = pieceOf(filters, BLOCK_BYTES / 4 / FORWARD_POSITIONS, 6);
  const depth = pieceOf(taps, BLOCK_DEPTH, 1);
  const b = tables(1);
  for (let n = 0; n < total; n += columns) {
    const width = min(columns, total - n);
    positionOffsets(b, n, width);
    for (let f = 0; f < filters; f += rows) {
      const height = min(rows, filters - f);
      for (let d = 0; d < taps; d += depth) {
        const deep = min(depth, taps - d);
        tapOffsets(depthsOf(b), d, deep);
        const a = weight + (<usize>(f * taps + d) << 2);
        multiply(ALONG, a, <usize>taps << 2, images, block(), width, height, deep, width, d > 0);
      }
      moveResult(result, bias ? bias + (<usize>f << 2) : 0, f, height, n, width, relu);
    }
  }
}

/** result[…, f…f+rows, …] = activation(block[rows×count] + bias[rows]) at the positions from `first` on. */
function moveResult(result: usize, bias: usize, f: i32, rows: i32, first: i32, count: i32, relu: bool): void {
  // Nothing is below −∞: without relu all lanes stay, NaN included.
  const floor = f32x4.splat(relu ? 0 : -Infinity);
  let from = block();
  for (let i = 0; i < rows; i++) {
    const shift = f32x4.splat(bias ? f32.load(bias + (<usize>i << 2)) : 0);
    let sample = first / positions;
    let position = first - sample * positions;
    for (let n = 0; n < count; ) {
      const run = min(positions - position, count - n);
      const to = result + (<usize>((sample * filters + f + i) * positions + position) << 2);
      const whole = wholeBytes(run);
      const rest = run & 3;
      for (let at: usize = 0; at < whole; at += 16) finished(from + at, to + at, shift, floor, 4);
      if (rest) finished(from + whole, to + whole, shift, floor, rest);
      from += <usize>run << 2;
      n += run;
      position = 0;
      sample++;
    }
  }
}

// @ts-ignore: decorator
@inline
function finished(from: usize, to: usize, shift: v128, floor: v128, lanes: i32): void {
  const x = f32x4.add(load(from, lanes), shift);
  store(to, v128.andnot(x, f32x4.lt(x, floor)), lanes);
}

/** dWeight = Σ over positions of dResult · patchesᵀ. Overwrites dWeight and scratch. */
export function convolutionWeightGradient(
  images: usize,
  dResult: usize,
  dWeight: usize,
  scratch: usize,
  rows: i32,
): void {
  const group = samplesOfGroup(rows);
  for (let row = 0; row < rows; row += group) {
    const samples = min(group, rows - row);
    addGroup(withPadding(images, scratch, samples), dResult, dWeight, samples, row > 0);
    images += <usize>(samples * plainSize) << 2;
    dResult += <usize>(samples * filters * positions) << 2;
  }
}

function addGroup(images: usize, dResult: usize, dWeight: usize, samples: i32, accumulate: bool): void {
  const total = samples * positions;
  const columns = pieceOf(taps, TABLE_LINES, 8);
  const rows = pieceOf(filters, TABLE_LINES, 6);
  // A block of the depth lies within a sample, or consists of whole samples.
  const within = positions > BLOCK_DEPTH / 2;
  const depth = within ? pieceOf(positions, BLOCK_DEPTH, 1) : (BLOCK_DEPTH / positions) * positions;
  for (let t = 0; t < taps; t += columns) {
    const width = min(columns, taps - t);
    tapOffsets(tables(1), t, width);
    for (let f = 0; f < filters; f += rows) {
      const height = min(rows, filters - f);
      const c = dWeight + (<usize>(f * taps + t) << 2);
      filterOffsets(tables(0), f, height);
      let n = 0;
      while (n < total) {
        const sample = n / positions;
        const deep = within ? min(depth, (sample + 1) * positions - n) : min(depth, total - n);
        positionOffsets(depthsOf(tables(1)), n, deep);
        let form = GATHERED;
        let a = dResult;
        let stepA = tables(0);
        if (within) {
          form = ALONG;
          a += <usize>((sample * filters + f) * positions + n - sample * positions) << 2;
          stepA = <usize>positions << 2;
        } else {
          resultOffsets(depthsOf(stepA), n, deep);
        }
        multiply(form, a, stepA, images, c, taps, height, deep, width, accumulate || n > 0);
        n += deep;
      }
    }
  }
}

/** dImages = the gradient by the input. Overwrites dImages and scratch. */
export function convolutionInputGradient(
  dResult: usize,
  weight: usize,
  dImages: usize,
  scratch: usize,
  rows: i32,
): void {
  const group = samplesOfGroup(rows);
  const inPlace = !paddingX && !paddingY;
  for (let row = 0; row < rows; row += group) {
    const samples = min(group, rows - row);
    const images = inPlace ? dImages : scratch;
    memory.fill(images, 0, <usize>(samples * imageSize) << 2);
    scatterGroup(dResult, weight, images, samples);
    if (!inPlace) movePadded(dImages, scratch, samples, true);
    dImages += <usize>(samples * plainSize) << 2;
    dResult += <usize>(samples * filters * positions) << 2;
  }
}

function scatterGroup(dResult: usize, weight: usize, images: usize, samples: i32): void {
  const total = samples * positions;
  const columns = pieceOf(total, SCATTER_POSITIONS, 8);
  const rows = pieceOf(taps, BLOCK_BYTES / 4 / SCATTER_POSITIONS, 6);
  const depth = pieceOf(filters, BLOCK_DEPTH, 1);
  const b = tables(1);
  // The tables of operand A, which needs none, serve the way back: taps and positions of the images.
  const back = tables(0);
  for (let n = 0; n < total; n += columns) {
    const width = min(columns, total - n);
    resultOffsets(b, n, width);
    positionOffsets(depthsOf(back), n, width);
    for (let t = 0; t < taps; t += rows) {
      const height = min(rows, taps - t);
      tapOffsets(back, t, height);
      for (let f = 0; f < filters; f += depth) {
        const deep = min(depth, filters - f);
        filterOffsets(depthsOf(b), f, deep);
        const a = weight + (<usize>(f * taps + t) << 2);
        multiply(ACROSS, a, <usize>taps << 2, dResult, block(), width, height, deep, width, f > 0);
      }
      scatterPatches(block(), height, n, width, back, depthsOf(back), images);
    }
  }
}
