/** What a dense layer needs beside its products: bias and activation in one pass, and the sum of rows. */
import { activate, activated, IDENTITY, RELU } from "./activations";
import { load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function addBiasAll(y: usize, bias: usize, columns: i32, activation: i32): void {
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  for (let i: usize = 0; i < whole; i += 16) {
    v128.store(y + i, activated(f32x4.add(v128.load(y + i), v128.load(bias + i)), activation));
  }
  if (rest) store(y + whole, activated(f32x4.add(load(y + whole, rest), load(bias + whole, rest)), activation), rest);
}

/**
 * Where an activation is more than a comparison, it takes a second pass over the row, which is in the nearest cache by
 * then: that costs a tenth of the exponential, and the activation does not stand in the code once more.
 */
export function addBiasActivate(y: usize, bias: usize, rows: i32, columns: i32, activation: i32): void {
  for (let row = 0; row < rows; row++) {
    if (activation == RELU) addBiasAll(y, bias, columns, RELU);
    else {
      addBiasAll(y, bias, columns, IDENTITY);
      if (activation != IDENTITY) activate(y, y, columns, activation);
    }
    y += <usize>columns << 2;
  }
}

/** out[j] = Σ x[i][j], each column added up from the first row to the last; 16 columns at a time. */
export function sumRows(x: usize, out: usize, rows: i32, columns: i32): void {
  const rowBytes = <usize>columns << 2;
  let j = 0;
  for (; j + 16 <= columns; j += 16) {
    let from = x + (<usize>j << 2);
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    for (let row = 0; row < rows; row++) {
      s0 = f32x4.add(s0, v128.load(from));
      s1 = f32x4.add(s1, v128.load(from, 16));
      s2 = f32x4.add(s2, v128.load(from, 32));
      s3 = f32x4.add(s3, v128.load(from, 48));
      from += rowBytes;
    }
    const to = out + (<usize>j << 2);
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
  for (; j < columns; j += 4) {
    const lanes = min(4, columns - j);
    let from = x + (<usize>j << 2);
    let sum = f32x4.splat(0);
    for (let row = 0; row < rows; row++) {
      sum = f32x4.add(sum, load(from, lanes));
      from += rowBytes;
    }
    store(out + (<usize>j << 2), sum, lanes);
  }
}
