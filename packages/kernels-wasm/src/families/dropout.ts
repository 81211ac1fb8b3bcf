/** Dropout with a counter-based generator: its mask is the same on every platform and for any cut of the batches. */
import type { Offset } from "../kernels.ts";

/** Which random words rows take: those of samples `first`, `first + 1`, … All but the seed are unsigned 32-bit. */
export interface DropoutDraw {
  /** Non-negative safe integer. */
  readonly seed: number;
  readonly epoch: number;
  readonly first: number;
}

export interface DropoutKernels {
  /**
   * y[rows×columns] = x/(1 − rate) where an element stays, 0 where it is dropped; y may equal x. The gradient is the same
   * call on dy. Element i of sample s is dropped when word (i >> 2) & 3 of Philox4×32-10 under the seed, for the counter
   * (4·(i >> 4) + (i & 3), s, epoch, layer + 2³¹), is below rate·2³².
   * @param rate in [0, 1)
   * @param layer below 2³¹, of its own for each use of the same draw
   */
  dropout(x: Offset, y: Offset, rows: number, columns: number, rate: number, draw: DropoutDraw, layer: number): void;
}

export interface DropoutExports {
  dropout(
    x: Offset,
    y: Offset,
    rows: number,
    columns: number,
    dropBelow: number,
    scale: number,
    seedLow: number,
    seedHigh: number,
    epoch: number,
    first: number,
    layer: number,
  ): void;
}

const wordRange = 2 ** 32;
/** Sets the words apart from those that initialise parameters and shuffle, whose last counter is a small number. */
const dropoutLayers = 2 ** 31;

/** WebAssembly takes numbers of 2³¹ and above for the same 32 bits. */
export function dropoutKernels(raw: DropoutExports): DropoutKernels {
  return {
    dropout(x, y, rows, columns, rate, { seed, epoch, first }, layer) {
      const dropBelow = Math.min(wordRange - 1, Math.round(rate * wordRange));
      const seedHigh = Math.floor(seed / wordRange);
      raw.dropout(
        x,
        y,
        rows,
        columns,
        dropBelow,
        1 / (1 - rate),
        seed % wordRange,
        seedHigh,
        epoch,
        first,
        layer + dropoutLayers,
      );
    },
  };
}
