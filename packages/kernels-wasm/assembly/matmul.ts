/**
 * Matrix products: the blocked loops around the tiles of `tile.ts`, for every edge size.
 *
 * Loop order and names follow Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 2008:
 * columns of C in blocks, depth in blocks (B packed), rows in blocks (A packed), then panels of 8 columns, then tiles.
 */
import { dotProduct, rowProduct } from "./few-rows";
import { packColumns, packRows } from "./panels";
import { BLOCK_COLUMNS, BLOCK_DEPTH, BLOCK_ROWS, edgeTile, packedA, packedB } from "./scratch";
import { tile4, tile8, TILE_COLUMNS, TILE_ROWS } from "./tile";

/** Up to this depth a product is a sum of outer products, limited by the writes of C. */
const THIN_DEPTH: i32 = 2;
/** Up to this many rows A·Bᵀ is faster as dot products than after packing B. */
const DOT_ROWS: i32 = 12;
/** Up to this many rows B is read where it stands: packing it would cost as much as reading it. */
const DIRECT_ROWS: i32 = 12;

export function matmul(a: usize, b: usize, c: usize, m: i32, k: i32, n: i32, accumulate: bool): void {
  if (k <= 0) noDepth(c, m, n, accumulate);
  else if (m <= 1 || k <= THIN_DEPTH) rowProduct(a, <usize>k << 2, 4, b, c, m, k, n, accumulate);
  else blocked(a, b, c, m, k, n, accumulate, false, false);
}

export function matmulTransposeB(a: usize, b: usize, c: usize, m: i32, k: i32, n: i32, accumulate: bool): void {
  if (k <= 0) noDepth(c, m, n, accumulate);
  else if (m <= DOT_ROWS) dotProduct(a, b, c, m, k, n, accumulate);
  else blocked(a, b, c, m, k, n, accumulate, false, true);
}

export function matmulTransposeA(a: usize, b: usize, c: usize, m: i32, k: i32, n: i32, accumulate: bool): void {
  if (k <= 0) noDepth(c, m, n, accumulate);
  else if (m <= 1 || k <= THIN_DEPTH) rowProduct(a, 4, <usize>m << 2, b, c, m, k, n, accumulate);
  else blocked(a, b, c, m, k, n, accumulate, true, false);
}

/** An empty sum: C = 0, or C unchanged. */
function noDepth(c: usize, m: i32, n: i32, accumulate: bool): void {
  if (!accumulate) memory.fill(c, 0, (<usize>m * n) << 2);
}

function blocked(
  a: usize,
  b: usize,
  c: usize,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
  transposeA: bool,
  transposeB: bool,
): void {
  const rowBytes = <usize>n << 2;
  const direct = !transposeB && m <= DIRECT_ROWS;
  const blockRows = BLOCK_ROWS - (BLOCK_ROWS % TILE_ROWS);
  // Blocks of equal depth: a thin last block would pay for its loads and stores of C without using them.
  const depthBlocks = (k + BLOCK_DEPTH - 1) / BLOCK_DEPTH;
  for (let j = 0; j < n; j += BLOCK_COLUMNS) {
    const columns = min(BLOCK_COLUMNS, n - j);
    for (let block = 0; block < depthBlocks; block++) {
      const d = <i32>((<i64>block * k) / depthBlocks);
      const depth = <i32>((<i64>(block + 1) * k) / depthBlocks) - d;
      const inPlace = direct ? b + ((<usize>d * n + j) << 2) : 0;
      packB(b, k, n, d, depth, j, direct ? columns & ~7 : 0, columns, transposeB);
      for (let i = 0; i < m; i += blockRows) {
        const rows = min(blockRows, m - i);
        packA(a, m, k, i, rows, d, depth, transposeA);
        const corner = c + <usize>i * rowBytes + (<usize>j << 2);
        multiplyBlock(corner, rowBytes, inPlace, rows, columns, depth, accumulate || block > 0);
      }
    }
  }
}

/**
 * Packs B[d…d+depth, j+from…j+columns] into panels [depth][8], the last one [depth][4] when that suffices. `from` is a
 * multiple of 8.
 */
function packB(b: usize, k: i32, n: i32, d: i32, depth: i32, j: i32, from: i32, columns: i32, transposed: bool): void {
  let panel = packedB();
  for (let p = from; p < columns; p += TILE_COLUMNS) {
    const width = min(TILE_COLUMNS, columns - p);
    const stride = width > 4 ? 8 : 4;
    if (width < stride) memory.fill(panel, 0, (<usize>depth * stride) << 2);
    if (transposed) {
      const source = b + ((<usize>(j + p) * k + d) << 2);
      packRows(source, <usize>k << 2, width, depth, panel, stride);
    } else {
      const source = b + ((<usize>d * n + j + p) << 2);
      packColumns(source, <usize>n << 2, width, depth, panel, stride);
    }
    panel += (<usize>depth * stride) << 2;
  }
}

/** Packs A[i…i+rows, d…d+depth] into panels [depth][TILE_ROWS]; the last panel is as narrow as it needs to be. */
function packA(a: usize, m: i32, k: i32, i: i32, rows: i32, d: i32, depth: i32, transposed: bool): void {
  let panel = packedA();
  for (let p = 0; p < rows; p += TILE_ROWS) {
    const width = min(TILE_ROWS, rows - p);
    if (transposed) {
      packColumns(a + ((<usize>d * m + i + p) << 2), <usize>m << 2, width, depth, panel, width);
    } else {
      packRows(a + ((<usize>(i + p) * k + d) << 2), <usize>k << 2, width, depth, panel, width);
    }
    panel += (<usize>depth * width) << 2;
  }
}

/** C[rows×columns] (+)= packed A · B, of which the whole panels stand `inPlace` (when that is not 0), else packed. */
function multiplyBlock(
  c: usize,
  rowBytes: usize,
  inPlace: usize,
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
      if (inPlace) tile8(height, a, inPlace + at, rowBytes, depth, corner, rowBytes, accumulate);
      else tile8(height, a, packed, 32, depth, corner, rowBytes, accumulate);
      a += (<usize>depth * height) << 2;
      corner += rowBytes * TILE_ROWS;
    }
    if (!inPlace) packed += <usize>depth << 5;
  }
  if (j < columns) multiplyEdge(c + (<usize>j << 2), rowBytes, packed, rows, columns - j, depth, accumulate);
}

/** The last 1 to 7 columns, by way of a tile in the scratch. */
function multiplyEdge(
  c: usize,
  rowBytes: usize,
  panel: usize,
  rows: i32,
  width: i32,
  depth: i32,
  accumulate: bool,
): void {
  const edge = edgeTile();
  let a = packedA();
  for (let i = 0; i < rows; i += TILE_ROWS) {
    const height = min(TILE_ROWS, rows - i);
    if (width == 4) tile4(height, a, panel, depth, c, rowBytes, accumulate);
    else {
      if (width > 4) tile8(height, a, panel, 32, depth, edge, 32, false);
      else tile4(height, a, panel, depth, edge, 32, false);
      moveEdge(edge, c, rowBytes, height, width, accumulate);
    }
    a += (<usize>depth * height) << 2;
    c += rowBytes * TILE_ROWS;
  }
}

/** Moves the part of an edge tile that lies inside C to its place. */
function moveEdge(edge: usize, c: usize, rowBytes: usize, rows: i32, width: i32, accumulate: bool): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < width; j++) {
      const at = c + <usize>i * rowBytes + (<usize>j << 2);
      const value = f32.load(edge + (<usize>i << 5) + (<usize>j << 2));
      f32.store(at, accumulate ? f32.load(at) + value : value);
    }
  }
}
