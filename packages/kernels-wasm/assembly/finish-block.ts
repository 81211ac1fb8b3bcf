/** Bias and relu on a finished block of C, while the cache still holds it. */
import { load, store, wholeBytes } from "./lanes";

// @ts-ignore: decorator
@inline
function finished(c: usize, bias: usize, at: usize, floor: v128, lanes: i32): void {
  let x = load(c + at, lanes);
  if (bias) x = f32x4.add(x, load(bias + at, lanes));
  store(c + at, v128.andnot(x, f32x4.lt(x, floor)), lanes);
}

/** C[rows×columns] = activation(C + bias[columns]); `bias` 0: none; the activation is relu or none. */
export function finishBlock(c: usize, stepC: usize, rows: i32, columns: i32, bias: usize, relu: bool): void {
  if (!bias && !relu) return;
  // Nothing is below −∞: without relu all lanes stay, NaN included.
  const floor = f32x4.splat(relu ? 0 : -Infinity);
  const whole = wholeBytes(columns);
  const rest = columns & 3;
  for (let i = 0; i < rows; i++) {
    for (let j: usize = 0; j < whole; j += 16) finished(c, bias, j, floor, 4);
    if (rest) finished(c, bias, whole, floor, rest);
    c += stepC;
  }
}
