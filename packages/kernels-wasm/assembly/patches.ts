/**
 * The geometry of a convolution as tables of byte offsets (`gather.ts`), and the way between images and their patches.
 *
 * A *position* is a place of the kernel on an image, counted through all samples of a call; a *tap* is one weight of a
 * filter: (channel, kernel row, kernel column). The value under tap t at position p stands at taps[t] + positions[p].
 */
/** Shape of the convolution under way: set before each call, `height` and `width` with their padding. */
export let channels: i32 = 0;
export let height: i32 = 0;
export let width: i32 = 0;
export let filters: i32 = 0;
export let kernelHeight: i32 = 0;
export let kernelWidth: i32 = 0;
export let strideY: i32 = 0;
export let strideX: i32 = 0;
export let paddingY: i32 = 0;
export let paddingX: i32 = 0;
export let outputWidth: i32 = 0;
/** Positions of one sample. */
export let positions: i32 = 0;
/** Taps of a filter. */
export let taps: i32 = 0;
/** Floats of one image with its padding. */
export let imageSize: i32 = 0;
/** Floats of one image without padding. */
export let plainSize: i32 = 0;

export function setConvolution(
  channelCount: i32,
  imageHeight: i32,
  imageWidth: i32,
  filterCount: i32,
  heightOfKernel: i32,
  widthOfKernel: i32,
  stepY: i32,
  stepX: i32,
  marginY: i32,
  marginX: i32,
): void {
  channels = channelCount;
  height = imageHeight + 2 * marginY;
  width = imageWidth + 2 * marginX;
  filters = filterCount;
  kernelHeight = heightOfKernel;
  kernelWidth = widthOfKernel;
  strideY = stepY;
  strideX = stepX;
  paddingY = marginY;
  paddingX = marginX;
  outputWidth = (width - kernelWidth) / strideX + 1;
  positions = ((height - kernelHeight) / strideY + 1) * outputWidth;
  taps = channels * kernelHeight * kernelWidth;
  imageSize = channels * height * width;
  plainSize = channels * imageHeight * imageWidth;
}

/** table[i] = offset of tap first + i. */
export function tapOffsets(table: usize, first: i32, count: i32): void {
  const area = kernelHeight * kernelWidth;
  let channel = first / area;
  let ky = (first - channel * area) / kernelWidth;
  let kx = first - channel * area - ky * kernelWidth;
  for (let i = 0; i < count; i++) {
    i32.store(table + (<usize>i << 2), ((channel * height + ky) * width + kx) << 2);
    if (++kx < kernelWidth) continue;
    kx = 0;
    if (++ky < kernelHeight) continue;
    ky = 0;
    channel++;
  }
}

/** table[i] = offset of position first + i in the images. */
export function positionOffsets(table: usize, first: i32, count: i32): void {
  let sample = first / positions;
  const position = first - sample * positions;
  let y = position / outputWidth;
  let x = position - y * outputWidth;
  const outputHeight = positions / outputWidth;
  for (let i = 0; i < count; i++) {
    i32.store(table + (<usize>i << 2), (sample * imageSize + y * strideY * width + x * strideX) << 2);
    if (++x < outputWidth) continue;
    x = 0;
    if (++y < outputHeight) continue;
    y = 0;
    sample++;
  }
}

/** table[i] = offset of position first + i in the results [samples, filters, positions]. */
export function resultOffsets(table: usize, first: i32, count: i32): void {
  let sample = first / positions;
  let position = first - sample * positions;
  for (let i = 0; i < count; i++) {
    i32.store(table + (<usize>i << 2), (sample * filters * positions + position) << 2);
    if (++position < positions) continue;
    position = 0;
    sample++;
  }
}

/** table[i] = offset of filter first + i in the results of one sample. */
export function filterOffsets(table: usize, first: i32, count: i32): void {
  for (let i = 0; i < count; i++) i32.store(table + (<usize>i << 2), ((first + i) * positions) << 2);
}

/** Copies `samples` images into the middle of padded ones, or (`back`) the middle of padded ones into images. */
export function movePadded(images: usize, padded: usize, samples: i32, back: bool): void {
  const innerHeight = height - 2 * paddingY;
  const rowBytes = <usize>(width - 2 * paddingX) << 2;
  if (!back) memory.fill(padded, 0, <usize>(samples * imageSize) << 2);
  let inside = padded + (<usize>(paddingY * width + paddingX) << 2);
  for (let plane = samples * channels; plane > 0; plane--) {
    let row = inside;
    for (let y = 0; y < innerHeight; y++) {
      if (back) memory.copy(images, row, rowBytes);
      else memory.copy(row, images, rowBytes);
      images += rowBytes;
      row += <usize>width << 2;
    }
    inside += <usize>(height * width) << 2;
  }
}

/**
 * Adds block[rows×count], the values of taps (`tapTable`) at the positions from `first` on (`positionTable`), to the
 * images they come from.
 */
export function scatterPatches(
  block: usize,
  rows: i32,
  first: i32,
  count: i32,
  tapTable: usize,
  positionTable: usize,
  images: usize,
): void {
  const begin = first % outputWidth;
  const step = <usize>strideX << 2;
  for (let i = 0; i < rows; i++) {
    const image = images + i32.load(tapTable + (<usize>i << 2));
    let n = 0;
    let run = min(outputWidth - begin, count);
    while (n < count) {
      let to = image + i32.load(positionTable + (<usize>n << 2));
      n += run;
      let left = run;
      if (step == 4) {
        for (; left >= 4; left -= 4) {
          v128.store(to, f32x4.add(v128.load(to), v128.load(block)));
          block += 16;
          to += 16;
        }
      }
      for (; left > 0; left--) {
        f32.store(to, f32.load(to) + f32.load(block));
        block += 4;
        to += step;
      }
      run = min(outputWidth, count - n);
    }
  }
}
