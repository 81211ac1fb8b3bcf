/**
 * Packing: copies a block of an operand into panels [depth][width], the order in which the tiles read it.
 *
 * A line is what meets the depth: a row of A, a column of B. So one packing serves both operands. The form says how the
 * lines lie in memory; `packPanel` looks at it once a panel, and another source of panels is one more form here.
 */
import { packGathered } from "./gather";

/** A row of memory is a line: A as it stands, Bᵀ. */
export const ALONG: i32 = 0;
/** A row of memory is a step of the depth, lines lie side by side: Aᵀ, B as it stands. */
export const ACROSS: i32 = 1;
/** Where tables say, whose address is the step (gather.ts). */
export const GATHERED: i32 = 2;

/**
 * panel[0…depth][0…width] = the lines from `line` on at the depths from `d` on; `step` bytes from one row of memory to
 * the next, `stride` floats from one depth of the panel to the next.
 */
export function packPanel(
  form: i32,
  source: usize,
  step: usize,
  line: i32,
  width: i32,
  d: i32,
  depth: i32,
  panel: usize,
  stride: i32,
): void {
  if (form == ALONG) packRows(source + <usize>line * step + (<usize>d << 2), step, width, depth, panel, stride);
  else if (form == GATHERED) packGathered(source, step, line, width, d, depth, panel, stride);
  else packColumns(source + <usize>d * step + (<usize>line << 2), step, width, depth, panel, stride);
}

/** panel[d][w] = source[w][d] for w < width, with `stride` floats from one depth to the next. */
function packRows(source: usize, rowBytes: usize, width: i32, depth: i32, panel: usize, stride: i32): void {
  if (stride == 6) {
    packSixRows(source, rowBytes, depth, panel);
    return;
  }
  const stepBytes = (<usize>stride) << 2;
  let w = 0;
  for (; w + 4 <= width; w += 4) {
    packFourRows(source + <usize>w * rowBytes, rowBytes, depth, panel + ((<usize>w) << 2), stepBytes);
  }
  for (; w + 2 <= width; w += 2) {
    packTwoRows(source + <usize>w * rowBytes, rowBytes, depth, panel + ((<usize>w) << 2), stepBytes);
  }
  if (w < width) packOneRow(source + <usize>w * rowBytes, depth, panel + ((<usize>w) << 2), stepBytes);
}

/** Six rows fill 24 bytes a depth: three whole stores for two depths. */
function packSixRows(row0: usize, rowBytes: usize, depth: i32, to: usize): void {
  let row1 = row0 + rowBytes;
  let row2 = row1 + rowBytes;
  let row3 = row2 + rowBytes;
  let row4 = row3 + rowBytes;
  let row5 = row4 + rowBytes;
  let d = depth;
  for (; d >= 4; d -= 4) {
    const a = v128.load(row0);
    const b = v128.load(row1);
    const c = v128.load(row2);
    const e = v128.load(row3);
    const f = v128.load(row4);
    const g = v128.load(row5);
    const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const ce0 = i32x4.shuffle(c, e, 0, 4, 1, 5);
    const fg0 = i32x4.shuffle(f, g, 0, 4, 1, 5);
    v128.store(to, i64x2.shuffle(ab0, ce0, 0, 2));
    v128.store(to, i64x2.shuffle(fg0, ab0, 0, 3), 16);
    v128.store(to, i64x2.shuffle(ce0, fg0, 1, 3), 32);
    const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const ce1 = i32x4.shuffle(c, e, 2, 6, 3, 7);
    const fg1 = i32x4.shuffle(f, g, 2, 6, 3, 7);
    v128.store(to, i64x2.shuffle(ab1, ce1, 0, 2), 48);
    v128.store(to, i64x2.shuffle(fg1, ab1, 0, 3), 64);
    v128.store(to, i64x2.shuffle(ce1, fg1, 1, 3), 80);
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
    row4 += 16;
    row5 += 16;
    to += 96;
  }
  for (; d > 0; d--) {
    f32.store(to, f32.load(row0));
    f32.store(to, f32.load(row1), 4);
    f32.store(to, f32.load(row2), 8);
    f32.store(to, f32.load(row3), 12);
    f32.store(to, f32.load(row4), 16);
    f32.store(to, f32.load(row5), 20);
    row0 += 4;
    row1 += 4;
    row2 += 4;
    row3 += 4;
    row4 += 4;
    row5 += 4;
    to += 24;
  }
}

function packFourRows(row0: usize, rowBytes: usize, depth: i32, to: usize, stepBytes: usize): void {
  let row1 = row0 + rowBytes;
  let row2 = row1 + rowBytes;
  let row3 = row2 + rowBytes;
  let d = depth;
  for (; d >= 4; d -= 4) {
    const a = v128.load(row0);
    const b = v128.load(row1);
    const c = v128.load(row2);
    const e = v128.load(row3);
    const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const ce0 = i32x4.shuffle(c, e, 0, 4, 1, 5);
    const ce1 = i32x4.shuffle(c, e, 2, 6, 3, 7);
    v128.store(to, i64x2.shuffle(ab0, ce0, 0, 2));
    v128.store(to + stepBytes, i64x2.shuffle(ab0, ce0, 1, 3));
    v128.store(to + stepBytes * 2, i64x2.shuffle(ab1, ce1, 0, 2));
    v128.store(to + stepBytes * 3, i64x2.shuffle(ab1, ce1, 1, 3));
    row0 += 16;
    row1 += 16;
    row2 += 16;
    row3 += 16;
    to += stepBytes * 4;
  }
  for (; d > 0; d--) {
    f32.store(to, f32.load(row0));
    f32.store(to, f32.load(row1), 4);
    f32.store(to, f32.load(row2), 8);
    f32.store(to, f32.load(row3), 12);
    row0 += 4;
    row1 += 4;
    row2 += 4;
    row3 += 4;
    to += stepBytes;
  }
}

function packTwoRows(row0: usize, rowBytes: usize, depth: i32, to: usize, stepBytes: usize): void {
  let row1 = row0 + rowBytes;
  let d = depth;
  for (; d >= 4; d -= 4) {
    const a = v128.load(row0);
    const b = v128.load(row1);
    const low = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const high = i32x4.shuffle(a, b, 2, 6, 3, 7);
    v128.store64_lane(to, low, 0);
    v128.store64_lane(to + stepBytes, low, 1);
    v128.store64_lane(to + stepBytes * 2, high, 0);
    v128.store64_lane(to + stepBytes * 3, high, 1);
    row0 += 16;
    row1 += 16;
    to += stepBytes * 4;
  }
  for (; d > 0; d--) {
    f32.store(to, f32.load(row0));
    f32.store(to, f32.load(row1), 4);
    row0 += 4;
    row1 += 4;
    to += stepBytes;
  }
}

function packOneRow(row: usize, depth: i32, to: usize, stepBytes: usize): void {
  for (let d = 0; d < depth; d++) {
    f32.store(to, f32.load(row));
    row += 4;
    to += stepBytes;
  }
}

/** panel[d][w] = source[d][w] for w < width, with `stride` floats from one depth to the next. */
function packColumns(source: usize, rowBytes: usize, width: i32, depth: i32, panel: usize, stride: i32): void {
  const stepBytes = (<usize>stride) << 2;
  let from = source;
  let to = panel;
  if (width == 8) {
    for (let d = 0; d < depth; d++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += rowBytes;
      to += stepBytes;
    }
    return;
  }
  for (let d = 0; d < depth; d++) {
    if (width & 4) v128.store(to, v128.load(from));
    const rest = (<usize>(width & 4)) << 2;
    if (width & 2) i64.store(to + rest, i64.load(from + rest));
    const last = (<usize>(width & 6)) << 2;
    if (width & 1) i32.store(to + last, i32.load(from + last));
    from += rowBytes;
    to += stepBytes;
  }
}
