/**
 * Micro-kernels: one tile of C, ROWS×8 or ROWS×4, held in registers while a packed panel of A meets one of B.
 *
 * The order of the statements is the order of the machine code: V8 allocates registers by it, and unrolling the depth
 * or loading a row ahead halves the speed. With fused multiply-add 6×8 fits the 15 vector registers of x86-64 (12 sums,
 * 2 of B, 1 of A); multiply and add need one temporary more, so the baseline stops at 5×8.
 */
import { multiplyAdd } from "./multiply-add";

/** Rows of the greatest tile of this build. */
export const TILE_ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

// @ts-ignore: decorator
@inline
function finish(c: usize, sum: v128, accumulate: bool): void {
  v128.store(c, accumulate ? f32x4.add(v128.load(c), sum) : sum);
}

/** C[rows×8] (+)= A panel [depth][rows] · B panel [depth][8]; B may stand in its matrix, `stepB` bytes a depth. */
// @ts-ignore: decorator
@inline
function wideTile(
  rows: i32,
  a: usize,
  b: usize,
  stepB: usize,
  depth: i32,
  c: usize,
  rowBytes: usize,
  accumulate: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0);
  let c51 = f32x4.splat(0);
  do {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = multiplyAdd(a0, b0, c00);
    c01 = multiplyAdd(a0, b1, c01);
    if (rows > 1) {
      const a1 = v128.load32_splat(a, 4);
      c10 = multiplyAdd(a1, b0, c10);
      c11 = multiplyAdd(a1, b1, c11);
    }
    if (rows > 2) {
      const a2 = v128.load32_splat(a, 8);
      c20 = multiplyAdd(a2, b0, c20);
      c21 = multiplyAdd(a2, b1, c21);
    }
    if (rows > 3) {
      const a3 = v128.load32_splat(a, 12);
      c30 = multiplyAdd(a3, b0, c30);
      c31 = multiplyAdd(a3, b1, c31);
    }
    if (rows > 4) {
      const a4 = v128.load32_splat(a, 16);
      c40 = multiplyAdd(a4, b0, c40);
      c41 = multiplyAdd(a4, b1, c41);
    }
    if (rows > 5) {
      const a5 = v128.load32_splat(a, 20);
      c50 = multiplyAdd(a5, b0, c50);
      c51 = multiplyAdd(a5, b1, c51);
    }
    a += <usize>rows << 2;
    b += stepB;
  } while (--depth);
  finish(c, c00, accumulate);
  finish(c + 16, c01, accumulate);
  if (rows > 1) {
    c += rowBytes;
    finish(c, c10, accumulate);
    finish(c + 16, c11, accumulate);
  }
  if (rows > 2) {
    c += rowBytes;
    finish(c, c20, accumulate);
    finish(c + 16, c21, accumulate);
  }
  if (rows > 3) {
    c += rowBytes;
    finish(c, c30, accumulate);
    finish(c + 16, c31, accumulate);
  }
  if (rows > 4) {
    c += rowBytes;
    finish(c, c40, accumulate);
    finish(c + 16, c41, accumulate);
  }
  if (rows > 5) {
    c += rowBytes;
    finish(c, c50, accumulate);
    finish(c + 16, c51, accumulate);
  }
}

/** The same for the last one to four columns: C[rows×4], B panel [depth][4]. */
// @ts-ignore: decorator
@inline
function narrowTile(rows: i32, a: usize, b: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  let c0 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  let c2 = f32x4.splat(0);
  let c3 = f32x4.splat(0);
  let c4 = f32x4.splat(0);
  let c5 = f32x4.splat(0);
  do {
    const b0 = v128.load(b);
    c0 = multiplyAdd(v128.load32_splat(a), b0, c0);
    if (rows > 1) c1 = multiplyAdd(v128.load32_splat(a, 4), b0, c1);
    if (rows > 2) c2 = multiplyAdd(v128.load32_splat(a, 8), b0, c2);
    if (rows > 3) c3 = multiplyAdd(v128.load32_splat(a, 12), b0, c3);
    if (rows > 4) c4 = multiplyAdd(v128.load32_splat(a, 16), b0, c4);
    if (rows > 5) c5 = multiplyAdd(v128.load32_splat(a, 20), b0, c5);
    a += <usize>rows << 2;
    b += 16;
  } while (--depth);
  finish(c, c0, accumulate);
  if (rows > 1) finish((c += rowBytes), c1, accumulate);
  if (rows > 2) finish((c += rowBytes), c2, accumulate);
  if (rows > 3) finish((c += rowBytes), c3, accumulate);
  if (rows > 4) finish((c += rowBytes), c4, accumulate);
  if (rows > 5) finish((c += rowBytes), c5, accumulate);
}

function wide1(a: usize, b: usize, stepB: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  wideTile(1, a, b, stepB, depth, c, rowBytes, accumulate);
}

function wide2(a: usize, b: usize, stepB: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  wideTile(2, a, b, stepB, depth, c, rowBytes, accumulate);
}

function wide3(a: usize, b: usize, stepB: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  wideTile(3, a, b, stepB, depth, c, rowBytes, accumulate);
}

function wide4(a: usize, b: usize, stepB: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  wideTile(4, a, b, stepB, depth, c, rowBytes, accumulate);
}

function wide5(a: usize, b: usize, stepB: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  wideTile(5, a, b, stepB, depth, c, rowBytes, accumulate);
}

function wide6(a: usize, b: usize, stepB: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  wideTile(6, a, b, stepB, depth, c, rowBytes, accumulate);
}

function narrow1(a: usize, b: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  narrowTile(1, a, b, depth, c, rowBytes, accumulate);
}

function narrow2(a: usize, b: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  narrowTile(2, a, b, depth, c, rowBytes, accumulate);
}

function narrow3(a: usize, b: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  narrowTile(3, a, b, depth, c, rowBytes, accumulate);
}

function narrow4(a: usize, b: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  narrowTile(4, a, b, depth, c, rowBytes, accumulate);
}

function narrow5(a: usize, b: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  narrowTile(5, a, b, depth, c, rowBytes, accumulate);
}

function narrow6(a: usize, b: usize, depth: i32, c: usize, rowBytes: usize, accumulate: bool): void {
  narrowTile(6, a, b, depth, c, rowBytes, accumulate);
}

/**
 * C[lines×8] (+)= packed A · a panel of B, tile by tile; A stands in panels [panelDepth][TILE_ROWS], the last one as narrow
 * as it needs to be, of which the depths [begin, begin + depth) are used. `depth` is at least 1.
 */
export function multiply8(
  lines: i32,
  a: usize,
  panelDepth: i32,
  begin: i32,
  b: usize,
  stepB: usize,
  depth: i32,
  c: usize,
  stepC: usize,
  accumulate: bool,
): void {
  for (; lines > 0; lines -= TILE_ROWS) {
    const rows = min(TILE_ROWS, lines);
    const from = a + ((<usize>begin * rows) << 2);
    if (TILE_ROWS > 5 && rows > 5) wide6(from, b, stepB, depth, c, stepC, accumulate);
    else if (rows == 5) wide5(from, b, stepB, depth, c, stepC, accumulate);
    else if (rows == 4) wide4(from, b, stepB, depth, c, stepC, accumulate);
    else if (rows == 3) wide3(from, b, stepB, depth, c, stepC, accumulate);
    else if (rows == 2) wide2(from, b, stepB, depth, c, stepC, accumulate);
    else wide1(from, b, stepB, depth, c, stepC, accumulate);
    a += (<usize>panelDepth * rows) << 2;
    c += stepC * TILE_ROWS;
  }
}

/** The same for 4 columns, whose panel of B is [depth][4], and the whole depth. */
export function multiply4(lines: i32, a: usize, b: usize, depth: i32, c: usize, stepC: usize, accumulate: bool): void {
  for (; lines > 0; lines -= TILE_ROWS) {
    const rows = min(TILE_ROWS, lines);
    if (TILE_ROWS > 5 && rows > 5) narrow6(a, b, depth, c, stepC, accumulate);
    else if (rows == 5) narrow5(a, b, depth, c, stepC, accumulate);
    else if (rows == 4) narrow4(a, b, depth, c, stepC, accumulate);
    else if (rows == 3) narrow3(a, b, depth, c, stepC, accumulate);
    else if (rows == 2) narrow2(a, b, depth, c, stepC, accumulate);
    else narrow1(a, b, depth, c, stepC, accumulate);
    a += (<usize>depth * rows) << 2;
    c += stepC * TILE_ROWS;
  }
}
