/**
 * What the forward and the backward pass of attention share: products of packed panels with eight columns at a time.
 *
 * One operand is packed into panels [depth][TILE_ROWS], the other is a panel [depth][8]; the result is [lines][8] without
 * gaps, so that it can be the second operand of the next product as it stands. Nothing is packed between the products of
 * attention, and what stands between them (scores of 8 queries or 8 keys) fits the nearest cache.
 */
import { packPanel } from "./panels";
import { multiply8, TILE_ROWS } from "./micro-kernels";

/** Packs the first `lines` lines of a matrix. @returns the end of the panels */
export function packLines(form: i32, source: usize, step: usize, lines: i32, depth: i32, panels: usize): usize {
  for (let line = 0; line < lines; line += TILE_ROWS) {
    const width = min(TILE_ROWS, lines - line);
    packPanel(form, source, step, line, width, 0, depth, panels, width);
    panels += (<usize>depth * width) << 2;
  }
  return panels;
}

/** panel[depth][8] = factor · the first `width` ≤ 8 rows of the source; missing ones are zero. */
export function packEight(form: i32, source: usize, step: usize, width: i32, depth: i32, panel: usize, factor: f32): void {
  const bytes = <usize>depth << 5;
  if (width < 8) memory.fill(panel, 0, bytes);
  packPanel(form, source, step, 0, width, 0, depth, panel, 8);
  const factors = f32x4.splat(factor);
  if (factor != 1) {
    for (let i: usize = 0; i < bytes; i += 16) v128.store(panel + i, f32x4.mul(v128.load(panel + i), factors));
  }
}

/**
 * out[lines][8] = panels · b[depth][8], for the lines from `first` (a multiple of TILE_ROWS) to `until`, rounded up to
 * whole panels; `lines` and `panelDepth` are those that the panels were packed with, and the steps of depth
 * [begin, begin + depth) are used.
 */
export function multiplyPanels(
  panels: usize,
  lines: i32,
  panelDepth: i32,
  first: i32,
  until: i32,
  begin: i32,
  depth: i32,
  b: usize,
  out: usize,
): void {
  const from = b + (<usize>begin << 5);
  const a = panels + ((<usize>first * panelDepth) << 2);
  const count = min(lines - first, ((until - first + TILE_ROWS - 1) / TILE_ROWS) * TILE_ROWS);
  multiply8(count, a, panelDepth, begin, from, 32, depth, out + (<usize>first << 5), 32, false);
}

/** to[row][d] (+)= factors[row] · from[d][row] for `rows` ≤ 8 rows; `factors` [8] float32. */
export function writeTransposed(
  from: usize,
  depth: i32,
  factors: usize,
  to: usize,
  step: usize,
  rows: i32,
  add: bool,
): void {
  let d = 0;
  if (rows == 8) {
    for (; d + 4 <= depth; d += 4) {
      transposeFour(from, v128.load(factors), to, step, add);
      transposeFour(from + 16, v128.load(factors, 16), to + step * 4, step, add);
      from += 128;
      to += 16;
    }
  }
  for (; d < depth; d++) {
    for (let row = 0; row < rows; row++) {
      const at = to + <usize>row * step;
      const value = f32.load(factors + (<usize>row << 2)) * f32.load(from + (<usize>row << 2));
      f32.store(at, add ? f32.load(at) + value : value);
    }
    from += 32;
    to += 4;
  }
}

/** Four rows of four, from four steps of depth. */
// @ts-ignore: decorator
@inline
function transposeFour(from: usize, factors: v128, to: usize, step: usize, add: bool): void {
  const a = f32x4.mul(v128.load(from), factors);
  const b = f32x4.mul(v128.load(from, 32), factors);
  const c = f32x4.mul(v128.load(from, 64), factors);
  const e = f32x4.mul(v128.load(from, 96), factors);
  const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const ce0 = i32x4.shuffle(c, e, 0, 4, 1, 5);
  const ce1 = i32x4.shuffle(c, e, 2, 6, 3, 7);
  put(to, i64x2.shuffle(ab0, ce0, 0, 2), add);
  put(to + step, i64x2.shuffle(ab0, ce0, 1, 3), add);
  put(to + step * 2, i64x2.shuffle(ab1, ce1, 0, 2), add);
  put(to + step * 3, i64x2.shuffle(ab1, ce1, 1, 3), add);
}

// @ts-ignore: decorator
@inline
function put(to: usize, value: v128, add: bool): void {
  v128.store(to, add ? f32x4.add(v128.load(to), value) : value);
}
