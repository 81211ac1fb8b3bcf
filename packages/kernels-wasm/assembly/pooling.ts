/**
 * Pooling over windows of planes [height, width], without padding; sizes that do not divide are rounded down, as PyTorch
 * does. Forward passes make four results of a row at a time.
 */
import { sum } from "./reductions";

/** Floats at p, p + step, p + 2·step, p + 3·step; `step` in floats. */
// @ts-ignore: decorator
@inline
function four(p: usize, step: i32): v128 {
  if (step == 1) return v128.load(p);
  if (step == 2) return i32x4.shuffle(v128.load(p), v128.load(p, 12), 0, 2, 5, 7);
  const stepBytes = <usize>step << 2;
  let x = v128.load32_zero(p);
  x = v128.load32_lane(p + stepBytes, x, 1);
  x = v128.load32_lane(p + stepBytes * 2, x, 2);
  return v128.load32_lane(p + stepBytes * 3, x, 3);
}

/**
 * The greatest of each window, and its index within the plane as int32: the first of equals, a NaN before all, as in
 * PyTorch.
 */
export function maxPool(
  x: usize,
  y: usize,
  indices: usize,
  planes: i32,
  height: i32,
  width: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
): void {
  const rows = (height - kernelHeight) / strideY + 1;
  const columns = (width - kernelWidth) / strideX + 1;
  const isPlain = kernelHeight == 2 && kernelWidth == 2 && strideX == 2;
  for (let plane = 0; plane < planes; plane++) {
    for (let row = 0; row < rows; row++) {
      let column = 0;
      let at = row * strideY * width;
      for (; column + 4 <= columns; column += 4) {
        if (isPlain) maxOfFourPairs(x, y, indices, at, width);
        else maxOfFour(x, y, indices, at, width, kernelHeight, kernelWidth, strideX);
        at += 4 * strideX;
        y += 16;
        indices += 16;
      }
      for (; column < columns; column++) {
        maxOfOne(x, y, indices, at, width, kernelHeight, kernelWidth);
        at += strideX;
        y += 4;
        indices += 4;
      }
    }
    x += <usize>(height * width) << 2;
  }
}

/** All bits set where `value` takes the place of `greatest`, which stands before it. */
// @ts-ignore: decorator
@inline
function winsOver(value: v128, greatest: v128): v128 {
  return v128.or(f32x4.gt(value, greatest), f32x4.ne(value, value));
}

/** `maxOfFour` for the most common windows, 2×2 side by side: each value is read once. */
// @ts-ignore: decorator
@inline
function maxOfFourPairs(plane: usize, y: usize, indices: usize, at: i32, width: i32): void {
  const top = plane + (<usize>at << 2);
  const bottom = top + (<usize>width << 2);
  let greatest = i32x4.shuffle(v128.load(top), v128.load(top, 16), 0, 2, 4, 6);
  let other = i32x4.shuffle(v128.load(top), v128.load(top, 16), 1, 3, 5, 7);
  let wins = winsOver(other, greatest);
  greatest = v128.bitselect(other, greatest, wins);
  // A set lane is −1.
  const index = i32x4.sub(i32x4(0, 2, 4, 6), wins);
  let below = i32x4.shuffle(v128.load(bottom), v128.load(bottom, 16), 0, 2, 4, 6);
  other = i32x4.shuffle(v128.load(bottom), v128.load(bottom, 16), 1, 3, 5, 7);
  wins = winsOver(other, below);
  below = v128.bitselect(other, below, wins);
  const indexBelow = i32x4.sub(i32x4.add(i32x4(0, 2, 4, 6), i32x4.splat(width)), wins);
  wins = winsOver(below, greatest);
  v128.store(y, v128.bitselect(below, greatest, wins));
  v128.store(indices, i32x4.add(v128.bitselect(indexBelow, index, wins), i32x4.splat(at)));
}

function maxOfFour(
  plane: usize,
  y: usize,
  indices: usize,
  at: i32,
  width: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  step: i32,
): void {
  const start = i32x4.add(i32x4.splat(at), i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(step)));
  let line = plane + (<usize>at << 2);
  let greatest = four(line, step);
  let index = start;
  let here = start;
  const below = i32x4.splat(width - kernelWidth);
  for (let ky = kernelHeight; ky > 0; ky--) {
    let from = line;
    for (let kx = kernelWidth; kx > 0; kx--) {
      const value = four(from, step);
      const wins = winsOver(value, greatest);
      greatest = v128.bitselect(value, greatest, wins);
      index = v128.bitselect(here, index, wins);
      here = i32x4.add(here, i32x4.splat(1));
      from += 4;
    }
    here = i32x4.add(here, below);
    line += <usize>width << 2;
  }
  v128.store(y, greatest);
  v128.store(indices, index);
}

function maxOfOne(plane: usize, y: usize, indices: usize, at: i32, width: i32, kernelHeight: i32, kernelWidth: i32): void {
  let greatest = f32.load(plane + (<usize>at << 2));
  let index = at;
  for (let ky = 0; ky < kernelHeight; ky++) {
    for (let kx = 0; kx < kernelWidth; kx++) {
      const candidate = at + ky * width + kx;
      const value = f32.load(plane + (<usize>candidate << 2));
      if (value > greatest || value != value) {
        greatest = value;
        index = candidate;
      }
    }
  }
  f32.store(y, greatest);
  i32.store(indices, index);
}

/** dx = Σ of dy at the indices that maxPool has written; `size` floats a plane of x, `results` a plane of y. */
export function maxPoolGradient(dy: usize, indices: usize, dx: usize, planes: i32, size: i32, results: i32): void {
  memory.fill(dx, 0, <usize>(planes * size) << 2);
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < results; i++) {
      const to = dx + (<usize>i32.load(indices) << 2);
      f32.store(to, f32.load(to) + f32.load(dy));
      indices += 4;
      dy += 4;
    }
    dx += <usize>size << 2;
  }
}

/** The mean of each window. */
export function averagePool(
  x: usize,
  y: usize,
  planes: i32,
  height: i32,
  width: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
): void {
  const rows = (height - kernelHeight) / strideY + 1;
  const columns = (width - kernelWidth) / strideX + 1;
  const share: f32 = <f32>1 / <f32>(kernelHeight * kernelWidth);
  for (let plane = 0; plane < planes; plane++) {
    for (let row = 0; row < rows; row++) {
      let from = x + (<usize>(row * strideY * width) << 2);
      let column = 0;
      for (; column + 4 <= columns; column += 4) {
        let total = f32x4.splat(0);
        for (let ky = 0; ky < kernelHeight; ky++) {
          for (let kx = 0; kx < kernelWidth; kx++) {
            total = f32x4.add(total, four(from + (<usize>(ky * width + kx) << 2), strideX));
          }
        }
        v128.store(y, f32x4.mul(total, f32x4.splat(share)));
        from += <usize>strideX << 4;
        y += 16;
      }
      for (; column < columns; column++) {
        let total: f32 = 0;
        for (let ky = 0; ky < kernelHeight; ky++) {
          for (let kx = 0; kx < kernelWidth; kx++) total += f32.load(from + (<usize>(ky * width + kx) << 2));
        }
        f32.store(y, total * share);
        from += <usize>strideX << 2;
        y += 4;
      }
    }
    x += <usize>(height * width) << 2;
  }
}

/** dx = each dy's share on every place of its window. */
export function averagePoolGradient(
  dy: usize,
  dx: usize,
  planes: i32,
  height: i32,
  width: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
): void {
  memory.fill(dx, 0, <usize>(planes * height * width) << 2);
  const rows = (height - kernelHeight) / strideY + 1;
  const columns = (width - kernelWidth) / strideX + 1;
  const share: f32 = <f32>1 / <f32>(kernelHeight * kernelWidth);
  for (let plane = 0; plane < planes; plane++) {
    for (let row = 0; row < rows; row++) {
      let window = dx + (<usize>(row * strideY * width) << 2);
      for (let column = 0; column < columns; column++) {
        const value = f32.load(dy) * share;
        for (let ky = 0; ky < kernelHeight; ky++) {
          for (let kx = 0; kx < kernelWidth; kx++) {
            const to = window + (<usize>(ky * width + kx) << 2);
            f32.store(to, f32.load(to) + value);
          }
        }
        window += <usize>strideX << 2;
        dy += 4;
      }
    }
    dx += <usize>(height * width) << 2;
  }
}

/** y[planes] = the mean of each plane. */
export function planeMeans(x: usize, y: usize, planes: i32, size: i32): void {
  for (let plane = 0; plane < planes; plane++) {
    f32.store(y + (<usize>plane << 2), <f32>(sum(x, size) / <f64>size));
    x += <usize>size << 2;
  }
}
