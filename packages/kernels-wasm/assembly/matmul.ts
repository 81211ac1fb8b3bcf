/**
 * Matrix products: the blocked loops around the tiles of `tile.ts`, for every edge size.
 *
 * Loop order and names follow Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 2008:
 * columns of C in blocks, depth in blocks (B packed), rows in blocks (A packed), then panels of 8 columns, then tiles.
 * What the operands are and how they lie is known to `packPanel` alone (panels.ts).
 */
import { finishBlock } from "./finish-block";
import { dotProduct, multiply4, multiply8, rowProduct, TILE_COLUMNS, TILE_ROWS } from "./micro-kernels";
import { ACROSS, ALONG, packPanel } from "./panels";
import { B_BYTES, BLOCK_COLUMNS, BLOCK_DEPTH, BLOCK_ROWS, edge, MANY_BLOCK_ROWS, packedA, packedB } from "./scratch";

/** Up to this depth a product is a sum of outer products, limited by the writes of C. */
const THIN_DEPTH: i32 = 2;
/** Up to this many rows A·Bᵀ is faster as dot products than after packing B. */
const DOT_SIDE: i32 = 12;
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
  } else if (formA == ALONG && formB == ACROSS && m > 3 && n <= DOT_SIDE && <usize>k * n <= B_BYTES / 4) {
    packPanel(ALONG, b, stepB, 0, k, 0, n, packedB(), k);
    dotProduct(a, stepA, packedB(), <usize>k << 2, c, stepC, m, k, n, accumulate);
  } else if (formA == ALONG && formB == ALONG && (m <= DOT_SIDE || n <= DOT_SIDE)) {
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
  // Blocks of equal size: a thin last one would pay for the panels of B, or for its loads and stores of C, for little.
  const most = m <= BLOCK_ROWS ? BLOCK_ROWS : MANY_BLOCK_ROWS;
  const mostRows = most - (most % TILE_ROWS);
  const rowBlocks = max(1, (m + mostRows - 1) / mostRows);
  const blockRows = ((m + rowBlocks * TILE_ROWS - 1) / (rowBlocks * TILE_ROWS)) * TILE_ROWS;
  // A panel of B that no second block of rows will want is overwritten by the next: it stays in the first cache.
  const keep = rowBlocks > 1;
  const depthBlocks = (k + BLOCK_DEPTH - 1) / BLOCK_DEPTH;
  for (let j = 0; j < n; j += BLOCK_COLUMNS) {
    const columns = min(BLOCK_COLUMNS, n - j);
    for (let block = 0; block < depthBlocks; block++) {
      const d = <i32>((<i64>block * k) / depthBlocks);
      const depth = <i32>((<i64>(block + 1) * k) / depthBlocks) - d;
      for (let i = 0; i < m; i += blockRows) {
        const rows = min(blockRows, m - i);
        packA(formA, a, stepA, i, rows, d, depth);
        const corner = c + <usize>i * stepC + (<usize>j << 2);
        let panel = packedB();
        for (let p = 0; p < columns; p += TILE_COLUMNS) {
          const width = min(TILE_COLUMNS, columns - p);
          const to = corner + (<usize>p << 2);
          const add = accumulate || block > 0;
          if (direct && width == TILE_COLUMNS) {
            multiplyPanel(b + <usize>d * stepB + (<usize>(j + p) << 2), stepB, to, stepC, rows, width, depth, add);
          } else {
            if (i == 0) packB(formB, b, stepB, j + p, width, d, depth, panel);
            multiplyPanel(panel, 32, to, stepC, rows, width, depth, add);
            if (keep) panel += <usize>depth << 5;
          }
        }
        if (block == depthBlocks - 1) finishBlock(corner, stepC, rows, columns, bias ? bias + (<usize>j << 2) : 0, relu);
      }
    }
  }
}

/** Packs B[d…d+depth, line…line+width] into a panel [depth][8], or [depth][4] when that suffices. */
function packB(form: i32, b: usize, step: usize, line: i32, width: i32, d: i32, depth: i32, panel: usize): void {
  const stride = width > 4 ? 8 : 4;
  if (width < stride) memory.fill(panel, 0, (<usize>depth * stride) << 2);
  packPanel(form, b, step, line, width, d, depth, panel, stride);
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

/**
 * C[rows×width] (+)= packed A · a panel of B, `stepB` bytes from depth to depth. Less than 8 columns, unless they are 4,
 * go by way of the scratch.
 */
function multiplyPanel(
  panel: usize,
  stepB: usize,
  c: usize,
  stepC: usize,
  rows: i32,
  width: i32,
  depth: i32,
  accumulate: bool,
): void {
  const inside = width == TILE_COLUMNS || width == 4;
  const to = inside ? c : edge();
  const stepTo = inside ? stepC : 32;
  const add = accumulate && inside;
  if (width > 4) multiply8(rows, packedA(), depth, 0, panel, stepB, depth, to, stepTo, add);
  else multiply4(rows, packedA(), panel, depth, to, stepTo, add);
  if (!inside) moveEdge(to, c, stepC, rows, width, accumulate);
}

/** Moves the columns that lie inside C to their place. */
function moveEdge(from: usize, c: usize, stepC: usize, rows: i32, width: i32, accumulate: bool): void {
  for (let i = 0; i < rows; i++) {
    for (let j: usize = 0; j < <usize>width << 2; j += 4) {
      const value = f32.load(from + j);
      f32.store(c + j, accumulate ? f32.load(c + j) + value : value);
    }
    from += 32;
    c += stepC;
  }
}
