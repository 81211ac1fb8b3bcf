/**
 * Sparse rows against dense tables, and the pairs of a factorisation machine.
 *
 * Row r has the entries e in [offsets[r], offsets[r + 1]) with feature i = indices[e] and value x = values[e]. Sums run in
 * the order of the entries, and scatter-adds in the order of rows: the same bits every time (K2).
 */
import { load as loadLanes, store, sumLanes } from "./lanes";

// @ts-ignore: decorator
@inline
function entry(indices: usize, e: u32, table: usize, rowBytes: usize): usize {
  return table + <usize>load32u(indices, e) * rowBytes;
}

// @ts-ignore: decorator
@inline
function load32u(at: usize, index: u32): u32 {
  return load<u32>(at + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
function valueAt(values: usize, e: u32): v128 {
  return f32x4.splat(f32.load(values + (<usize>e << 2)));
}

/** y[r] = bias + Σ x·table[i]; `bias` 0: none. */
export function sparseProduct(
  offsets: usize,
  indices: usize,
  values: usize,
  table: usize,
  bias: usize,
  y: usize,
  rows: i32,
  columns: i32,
): void {
  const rowBytes = <usize>columns << 2;
  for (let row = 0; row < rows; row++) {
    const begin = load32u(offsets, row);
    const end = load32u(offsets, row + 1);
    for (let j = 0; j < columns; j += 4) {
      const lanes = min(4, columns - j);
      const at = <usize>j << 2;
      let sum = bias ? loadLanes(bias + at, lanes) : f32x4.splat(0);
      for (let e = begin; e < end; e++) {
        const from = loadLanes(entry(indices, e, table, rowBytes) + at, lanes);
        sum = f32x4.add(sum, f32x4.mul(valueAt(values, e), from));
      }
      store(y + at, sum, lanes);
    }
    y += rowBytes;
  }
}

/** table[i] += x·g[r]. */
export function sparseScatter(
  offsets: usize,
  indices: usize,
  values: usize,
  g: usize,
  table: usize,
  rows: i32,
  columns: i32,
): void {
  const rowBytes = <usize>columns << 2;
  for (let row = 0; row < rows; row++) {
    const end = load32u(offsets, row + 1);
    for (let e = load32u(offsets, row); e < end; e++) {
      const into = entry(indices, e, table, rowBytes);
      const x = valueAt(values, e);
      for (let j = 0; j < columns; j += 4) {
        const lanes = min(4, columns - j);
        const at = <usize>j << 2;
        store(into + at, f32x4.add(loadLanes(into + at, lanes), f32x4.mul(x, loadLanes(g + at, lanes))), lanes);
      }
    }
    g += rowBytes;
  }
}

/** y[r] = ½ Σ_f (s_f² − Σ (x·v_if)²), with s = `sums` [rows, factors] from `sparseProduct` of the factors. */
export function factorPairs(
  offsets: usize,
  indices: usize,
  values: usize,
  factors: usize,
  sums: usize,
  y: usize,
  rows: i32,
  count: i32,
): void {
  const rowBytes = <usize>count << 2;
  for (let row = 0; row < rows; row++) {
    const begin = load32u(offsets, row);
    const end = load32u(offsets, row + 1);
    let total = f32x4.splat(0);
    for (let j = 0; j < count; j += 4) {
      const lanes = min(4, count - j);
      const at = <usize>j << 2;
      const s = loadLanes(sums + at, lanes);
      total = f32x4.add(total, f32x4.mul(s, s));
      for (let e = begin; e < end; e++) {
        const v = f32x4.mul(valueAt(values, e), loadLanes(entry(indices, e, factors, rowBytes) + at, lanes));
        total = f32x4.sub(total, f32x4.mul(v, v));
      }
    }
    f32.store(y + (<usize>row << 2), <f32>0.5 * sumLanes(total));
    sums += rowBytes;
  }
}

/** gradient[i] += g[r]·x·(s − x·factors[i]). */
export function factorPairsGradient(
  offsets: usize,
  indices: usize,
  values: usize,
  factors: usize,
  sums: usize,
  g: usize,
  gradient: usize,
  rows: i32,
  count: i32,
): void {
  const rowBytes = <usize>count << 2;
  for (let row = 0; row < rows; row++) {
    const end = load32u(offsets, row + 1);
    const upstream = v128.load32_splat(g + (<usize>row << 2));
    for (let e = load32u(offsets, row); e < end; e++) {
      const from = entry(indices, e, factors, rowBytes);
      const into = from - factors + gradient;
      const x = valueAt(values, e);
      const scale = f32x4.mul(upstream, x);
      for (let j = 0; j < count; j += 4) {
        const lanes = min(4, count - j);
        const at = <usize>j << 2;
        const rest = f32x4.sub(loadLanes(sums + at, lanes), f32x4.mul(x, loadLanes(from + at, lanes)));
        store(into + at, f32x4.add(loadLanes(into + at, lanes), f32x4.mul(scale, rest)), lanes);
      }
    }
    sums += rowBytes;
  }
}
