/**
 * Products of few rows or little depth, where packing would cost more than it saves.
 *
 * `rowProduct` runs over whole rows of B, eight at a time: C[i] (+)= Σ A[i][p]·B[p]. It serves one row (the matrix is read
 * once, in the order of its addresses) and little depth (an outer product). `dotProduct` is for A·Bᵀ, whose rows of B lie
 * along the depth: four rows of B at a time meet one or two rows of A, and lanes are added at the end; columns that are
 * left over meet four rows of A.
 */
import { allBytes, wholeBytes } from "./lanes";
import { multiplyAdd } from "./multiply-add";

/** C[m×n] (+)= A·B with A[i][p] at a + i·stepRow + p·stepDepth, rows of B `rowBytes` apart (bytes) and k ≥ 1. */
export function rowProduct(
  a: usize,
  stepRow: usize,
  stepDepth: usize,
  b: usize,
  rowBytes: usize,
  c: usize,
  stepC: usize,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
): void {
  for (let i = 0; i < m; i++) {
    let factors = a;
    let from = b;
    let left = k;
    if (!accumulate) memory.fill(c, 0, <usize>n << 2);
    for (; left >= 8; left -= 8) {
      addEightRows(factors, stepDepth, from, rowBytes, c, n);
      factors += stepDepth * 8;
      from += rowBytes * 8;
    }
    for (; left > 0; left--) {
      addRow(factors, from, c, n);
      factors += stepDepth;
      from += rowBytes;
    }
    a += stepRow;
    c += stepC;
  }
}

/** Four floats, or one and zeros. */
// @ts-ignore: decorator
@inline
function at(pointer: usize, four: bool): v128 {
  return four ? v128.load(pointer) : v128.load32_zero(pointer);
}

// @ts-ignore: decorator
@inline
function addEight(
  b: usize,
  rowBytes: usize,
  c: usize,
  four: bool,
  f0: v128,
  f1: v128,
  f2: v128,
  f3: v128,
  f4: v128,
  f5: v128,
  f6: v128,
  f7: v128,
): v128 {
  const far = b + rowBytes * 4;
  let even = multiplyAdd(f0, at(b, four), at(c, four));
  let odd = f32x4.mul(f1, at(b + rowBytes, four));
  even = multiplyAdd(f2, at(b + rowBytes * 2, four), even);
  odd = multiplyAdd(f3, at(b + rowBytes * 3, four), odd);
  even = multiplyAdd(f4, at(far, four), even);
  odd = multiplyAdd(f5, at(far + rowBytes, four), odd);
  even = multiplyAdd(f6, at(far + rowBytes * 2, four), even);
  odd = multiplyAdd(f7, at(far + rowBytes * 3, four), odd);
  return f32x4.add(even, odd);
}

function addEightRows(a: usize, stepDepth: usize, b: usize, rowBytes: usize, c: usize, n: i32): void {
  const f0 = v128.load32_splat(a);
  const f1 = v128.load32_splat((a += stepDepth));
  const f2 = v128.load32_splat((a += stepDepth));
  const f3 = v128.load32_splat((a += stepDepth));
  const f4 = v128.load32_splat((a += stepDepth));
  const f5 = v128.load32_splat((a += stepDepth));
  const f6 = v128.load32_splat((a += stepDepth));
  const f7 = v128.load32_splat(a + stepDepth);
  const whole = wholeBytes(n);
  let j: usize = 0;
  for (; j < whole; j += 16) {
    v128.store(c + j, addEight(b + j, rowBytes, c + j, true, f0, f1, f2, f3, f4, f5, f6, f7));
  }
  for (const all = allBytes(n); j < all; j += 4) {
    v128.store32_lane(c + j, addEight(b + j, rowBytes, c + j, false, f0, f1, f2, f3, f4, f5, f6, f7), 0);
  }
}

function addRow(a: usize, b: usize, c: usize, n: i32): void {
  const factors = v128.load32_splat(a);
  const whole = wholeBytes(n);
  let j: usize = 0;
  for (; j < whole; j += 16) v128.store(c + j, multiplyAdd(factors, v128.load(b + j), v128.load(c + j)));
  for (const all = allBytes(n); j < all; j += 4) {
    v128.store32_lane(c + j, multiplyAdd(factors, at(b + j, false), at(c + j, false)), 0);
  }
}

/** C[m×n] (+)= A[m×k]·Bᵀ with B[n×k]; the steps are the bytes from row to row. */
export function dotProduct(
  a: usize,
  stepA: usize,
  b: usize,
  stepB: usize,
  c: usize,
  stepC: usize,
  m: i32,
  k: i32,
  n: i32,
  accumulate: bool,
): void {
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    let rowA = a;
    let to = c + (<usize>j << 2);
    let i = 0;
    for (; i + 2 <= m; i += 2) {
      dotTwoByFour(rowA, stepA, b, stepB, k, to, stepC, accumulate);
      rowA += stepA * 2;
      to += stepC * 2;
    }
    if (i < m) finish(to, dotFour(rowA, b, stepB, k), accumulate);
    b += stepB * 4;
  }
  for (; j < n; j++) {
    let rowA = a;
    let to = c + (<usize>j << 2);
    let i = 0;
    for (; i < m; ) {
      // Where fewer than four rows are left they come one by one: four times the same, of which one sum is kept.
      const rows = m - i < 4 ? 1 : 4;
      const sums = dotFour(b, rowA, rows == 4 ? stepA : 0, k);
      scatter(to, stepC, sums, rows, accumulate);
      rowA += stepA * rows;
      to += stepC * rows;
      i += rows;
    }
    b += stepB;
  }
}

/** The sums of the lanes of four vectors, as one vector. */
// @ts-ignore: decorator
@inline
function sumFour(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  const low = f32x4.add(i32x4.shuffle(s0, s1, 0, 4, 1, 5), i32x4.shuffle(s0, s1, 2, 6, 3, 7));
  const high = f32x4.add(i32x4.shuffle(s2, s3, 0, 4, 1, 5), i32x4.shuffle(s2, s3, 2, 6, 3, 7));
  return f32x4.add(i64x2.shuffle(low, high, 0, 2), i64x2.shuffle(low, high, 1, 3));
}

// @ts-ignore: decorator
@inline
function finish(c: usize, sums: v128, accumulate: bool): void {
  v128.store(c, accumulate ? f32x4.add(v128.load(c), sums) : sums);
}

function dotTwoByFour(a: usize, stepA: usize, b: usize, stepB: usize, k: i32, c: usize, stepC: usize, accumulate: bool): void {
  let s00 = f32x4.splat(0);
  let s01 = f32x4.splat(0);
  let s02 = f32x4.splat(0);
  let s03 = f32x4.splat(0);
  let s10 = f32x4.splat(0);
  let s11 = f32x4.splat(0);
  let s12 = f32x4.splat(0);
  let s13 = f32x4.splat(0);
  let a1 = a + stepA;
  let b1 = b + stepB;
  let b2 = b1 + stepB;
  let b3 = b2 + stepB;
  for (let left = k >> 2; left > 0; left--) {
    const x = v128.load(a);
    const y = v128.load(a1);
    const z0 = v128.load(b);
    s00 = multiplyAdd(x, z0, s00);
    s10 = multiplyAdd(y, z0, s10);
    const z1 = v128.load(b1);
    s01 = multiplyAdd(x, z1, s01);
    s11 = multiplyAdd(y, z1, s11);
    const z2 = v128.load(b2);
    s02 = multiplyAdd(x, z2, s02);
    s12 = multiplyAdd(y, z2, s12);
    const z3 = v128.load(b3);
    s03 = multiplyAdd(x, z3, s03);
    s13 = multiplyAdd(y, z3, s13);
    a += 16;
    a1 += 16;
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  for (let left = k & 3; left > 0; left--) {
    const x = at(a, false);
    const y = at(a1, false);
    const z0 = at(b, false);
    s00 = multiplyAdd(x, z0, s00);
    s10 = multiplyAdd(y, z0, s10);
    const z1 = at(b1, false);
    s01 = multiplyAdd(x, z1, s01);
    s11 = multiplyAdd(y, z1, s11);
    const z2 = at(b2, false);
    s02 = multiplyAdd(x, z2, s02);
    s12 = multiplyAdd(y, z2, s12);
    const z3 = at(b3, false);
    s03 = multiplyAdd(x, z3, s03);
    s13 = multiplyAdd(y, z3, s13);
    a += 4;
    a1 += 4;
    b += 4;
    b1 += 4;
    b2 += 4;
    b3 += 4;
  }
  finish(c, sumFour(s00, s01, s02, s03), accumulate);
  finish(c + stepC, sumFour(s10, s11, s12, s13), accumulate);
}

/** The products of the vector x[k] with four vectors y, `step` bytes apart; even and odd fours of k are added apart. */
function dotFour(x: usize, y: usize, step: usize, k: i32): v128 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let t0 = f32x4.splat(0);
  let t1 = f32x4.splat(0);
  let t2 = f32x4.splat(0);
  let t3 = f32x4.splat(0);
  let y1 = y + step;
  let y2 = y1 + step;
  let y3 = y2 + step;
  for (; k >= 8; k -= 8) {
    const even = v128.load(x);
    s0 = multiplyAdd(even, v128.load(y), s0);
    s1 = multiplyAdd(even, v128.load(y1), s1);
    s2 = multiplyAdd(even, v128.load(y2), s2);
    s3 = multiplyAdd(even, v128.load(y3), s3);
    const odd = v128.load(x, 16);
    t0 = multiplyAdd(odd, v128.load(y, 16), t0);
    t1 = multiplyAdd(odd, v128.load(y1, 16), t1);
    t2 = multiplyAdd(odd, v128.load(y2, 16), t2);
    t3 = multiplyAdd(odd, v128.load(y3, 16), t3);
    x += 32;
    y += 32;
    y1 += 32;
    y2 += 32;
    y3 += 32;
  }
  for (; k > 0; k--) {
    const factors = at(x, false);
    s0 = multiplyAdd(factors, at(y, false), s0);
    s1 = multiplyAdd(factors, at(y1, false), s1);
    s2 = multiplyAdd(factors, at(y2, false), s2);
    s3 = multiplyAdd(factors, at(y3, false), s3);
    x += 4;
    y += 4;
    y1 += 4;
    y2 += 4;
    y3 += 4;
  }
  return sumFour(f32x4.add(s0, t0), f32x4.add(s1, t1), f32x4.add(s2, t2), f32x4.add(s3, t3));
}

/** Stores the first one or four sums one below the other. */
function scatter(c: usize, stepC: usize, sums: v128, rows: i32, accumulate: bool): void {
  finishOne(c, f32x4.extract_lane(sums, 0), accumulate);
  if (rows == 1) return;
  finishOne(c + stepC, f32x4.extract_lane(sums, 1), accumulate);
  finishOne(c + stepC * 2, f32x4.extract_lane(sums, 2), accumulate);
  finishOne(c + stepC * 3, f32x4.extract_lane(sums, 3), accumulate);
}

// @ts-ignore: decorator
@inline
function finishOne(c: usize, sum: f32, accumulate: bool): void {
  f32.store(c, accumulate ? f32.load(c) + sum : sum);
}
