/** Rows of a table by token: the forward and the backward pass of an embedding. */
import { load, store } from "./lanes";

/** out[i] = table[tokens[i]]. */
export function gatherRows(tokens: usize, table: usize, out: usize, count: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (let i = 0; i < count; i++) {
    memory.copy(out, table + <usize>i32.load(tokens + (<usize>i << 2)) * rowBytes, rowBytes);
    out += rowBytes;
  }
}

/** table[tokens[i]] += rows[i], from the first to the last: one order for all builds and engines. */
export function scatterAddRows(tokens: usize, rows: usize, table: usize, count: i32, width: i32): void {
  const rowBytes = <usize>width << 2;
  for (let i = 0; i < count; i++) {
    const to = table + <usize>i32.load(tokens + (<usize>i << 2)) * rowBytes;
    for (let at: usize = 0; at < rowBytes; at += 16) {
      const lanes = <i32>min<usize>(4, (rowBytes - at) >> 2);
      store(to + at, f32x4.add(load(to + at, lanes), load(rows + at, lanes)), lanes);
    }
    rows += rowBytes;
  }
}
