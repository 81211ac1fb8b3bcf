/**
 * Matrix products: the blocked loops around the tiles of `tile.ts`, for every edge size.
 *
 * Loop order and names follow Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 2008:
 * columns of C in blocks, depth in blocks (B packed), rows in blocks (A packed), then panels of 8 columns, then tiles.
 * What the operands are and how they lie is known to `packPanel` alone (panels.ts).
 */
import { dotProduct, rowProduct } from "./few-rows";
import { finishBlock } from "./finish-block";
import { ACROSS, ALONG, packPanel } from "./panels";
import { BLOCK_COLUMNS, BLOCK_DEPTH, BLOCK_ROWS, edgeTile, packedA, packedB } from "./scratch";
import { tile4, tile8, TILE_COLUMNS, TILE_ROWS } from "./tile";

/** Up to this depth a product is a sum of outer products, limited by the writes of C. */
const THIN_DEPTH: i32 = 2;
/** Up to this many rows A·Bᵀ is faster as dot products than after packing B. */
const DOT_ROWS: i32 = 12;
/** Up to this many rows B is read where it stands: packing it would cost as much as reading it. */
const DIRECT_ROWS: i32 = 12;

/**
 * C[m×n] (+)= A·B, then + bias[n] (unless that is 0), then relu where asked. Rows of C are `stepC` bytes apart; `stepA`
 * and `stepB` are the bytes between the memory rows of A and B, whose forms panels.ts explains.
 */
export function product(
  formA: i32,
  a: usize,
  stepA: usize,
  formB: i32,
  b: usize,
  stepB: usize,
  c: usize,
  stepC: usize,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
  bias: usize,
  relu: bool,
): void {
  if (k <= 0) {
    for (let i = 0; i < m && !accumulate; i++) memory.fill(c + <usize>i * stepC, 0, <usize>n << 2);
  } else if (formB == ALONG && formA == ALONG && m <= DOT_ROWS) {
    dotProduct(a, stepA, b, stepB, c, stepC, m, k, n, accumulate);
  } else if (formB == ACROSS && (m <= 1 || k <= THIN_DEPTH)) {
    const along = formA == ALONG;
    rowProduct(a, along ? stepA : 4, along ? 4 : stepA, b, stepB, c, stepC, m, k, n, accumulate);
  } else {
    blocked(formA, a, stepA, formB, b, stepB, c, stepC, m, k, n, accumulate, bias, relu);
    return;
  }
  finishBlock(c, stepC, m, n, bias, relu);
}

/** The same by blocks, for operands of any form and k ≥ 1. */
export function blocked(
  formA: i32,
  a: usize,
  stepA: usize,
  formB: i32,
  b: usize,
  stepB: usize,
  c: usize,
  stepC: usize,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
  bias: usize,
  relu: bool,
): void {
  const direct = formB == ACROSS && m <= DIRECT_ROWS;
  const blockRows = BLOCK_ROWS - (BLOCK_ROWS % TILE_ROWS);
  // Blocks of equal depth: a thin last block would pay for its loads and stores of C without using them.
  const depthBlocks = (k + BLOCK_DEPTH - 1) / BLOCK_DEPTH;
  for (let j = 0; j < n; j += BLOCK_COLUMNS) {
    const columns = min(BLOCK_COLUMNS, n - j);
    for (let block = 0; block < depthBlocks; block++) {
      const d = <i32>((<i64>block * k) / depthBlocks);
      const depth = <i32>((<i64>(block + 1) * k) / depthBlocks) - d;
      packB(formB, b, stepB, d, depth, j, direct ? columns & ~7 : 0, columns);
      const inPlace = direct ? b + <usize>d * stepB + (<usize>j << 2) : 0;
      for (let i = 0; i < m; i += blockRows) {
        const rows = min(blockRows, m - i);
        packA(formA, a, stepA, i, rows, d, depth);
        const corner = c + <usize>i * stepC + (<usize>j << 2);
        multiplyBlock(corner, stepC, inPlace, stepB, rows, columns, depth, accumulate || block > 0);
        if (block == depthBlocks - 1) finishBlock(corner, stepC, rows, columns, bias ? bias + (<usize>j << 2) : 0, relu);
      }
    }
  }
}

/**
 * Packs B[d…d+depth, j+from…j+columns] into panels [depth][8], the last one [depth][4] when that suffices. `from` is a
 * multiple of 8.
 */
function packB(form: i32, b: usize, step: usize, d: i32, depth: i32, j: i32, from: i32, columns: i32): void {
  let panel = packedB();
  for (let p = from; p < columns; p += TILE_COLUMNS) {
    const width = min(TILE_COLUMNS, columns - p);
    const stride = width > 4 ? 8 : 4;
    const bytes = (<usize>depth * stride) << 2;
    if (width < stride) memory.fill(panel, 0, bytes);
    packPanel(form, b, step, j + p, width, d, depth, panel, stride);
    panel += bytes;
  }
}

/** Packs A[i…i+rows, d…d+depth] into panels [depth][TILE_ROWS]; the last panel is as narrow as it needs to be. */
function packA(form: i32, a: usize, step: usize, i: i32, rows: i32, d: i32, depth: i32): void {
  let panel = packedA();
  for (let p = 0; p < rows; p += TILE_ROWS) {
    const width = min(TILE_ROWS, rows - p);
    packPanel(form, a, step, i + p, width, d, depth, panel, width);
    panel += (<usize>depth * width) << 2;
  }
}

/** C[rows×columns] (+)= packed A · B, of which the whole panels stand `inPlace` (when that is not 0), else packed. */
function multiplyBlock(
  c: usize,
  stepC: usize,
  inPlace: usize,
  stepB: usize,
  rows: i32,
  columns: i32,
  depth: i32,
  accumulate: bool,
): void {
  let packed = packedB();
  let j = 0;
  for (; j + TILE_COLUMNS <= columns; j += TILE_COLUMNS) {
    const at = <usize>j << 2;
    let a = packedA();
    let corner = c + at;
    for (let i = 0; i < rows; i += TILE_ROWS) {
      const height = min(TILE_ROWS, rows - i);
      if (inPlace) tile8(height, a, inPlace + at, stepB, depth, corner, stepC, accumulate);
      else tile8(height, a, packed, 32, depth, corner, stepC, accumulate);
      a += (<usize>depth * height) << 2;
      corner += stepC * TILE_ROWS;
    }
    if (!inPlace) packed += <usize>depth << 5;
  }
  if (j < columns) multiplyEdge(c + (<usize>j << 2), stepC, packed, rows, columns - j, depth, accumulate);
}

/** The last 1 to 7 columns, by way of a tile in the scratch. */
function multiplyEdge(c: usize, stepC: usize, panel: usize, rows: i32, width: i32, depth: i32, accumulate: bool): void {
  const edge = edgeTile();
  let a = packedA();
  for (let i = 0; i < rows; i += TILE_ROWS) {
    const height = min(TILE_ROWS, rows - i);
    if (width == 4) tile4(height, a, panel, depth, c, stepC, accumulate);
    else {
      if (width > 4) tile8(height, a, panel, 32, depth, edge, 32, false);
      else tile4(height, a, panel, depth, edge, 32, false);
      moveEdge(edge, c, stepC, height, width, accumulate);
    }
    a += (<usize>depth * height) << 2;
    c += stepC * TILE_ROWS;
  }
}

/** Moves the part of an edge tile that lies inside C to its place. */
function moveEdge(edge: usize, c: usize, stepC: usize, rows: i32, width: i32, accumulate: bool): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < width; j++) {
      const at = c + <usize>i * stepC + (<usize>j << 2);
      const value = f32.load(edge + (<usize>i << 5) + (<usize>j << 2));
      f32.store(at, accumulate ? f32.load(at) + value : value);
    }
  }
}
