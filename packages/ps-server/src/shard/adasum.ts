/**
 * Adasum: puts gradients together so that what is orthogonal adds up and what is parallel is averaged.
 *
 *   A(a, b) = (1 − a·b / 2‖a‖²)·a + (1 − a·b / 2‖b‖²)·b
 *
 * for each layer by itself (a layer is one update range; the coordinator cuts shards between layers), with dots and norms
 * in float64; a factor is 1 where the square of its norm is below √(least normal float64). Contributions are combined as
 * a binary tree over those that have samples, in slot order: neighbours first, then neighbouring pairs, and so on. Of a
 * number that is no power of two the whole powers are left, which are combined from the last to the first. Ranges of
 * statistics get the mean weighted by samples, as statistics are no gradients.
 *
 * Bounds   Slots come in order, so no more than ⌊log₂(slots + 1)⌋ partial results stand at a time, each one vector.
 * Source   Maleki et al., MLSys 2021 (arXiv 2006.02924).
 */
import type { KernelMemory, Kernels, Offset, Region } from "@shoal/kernels-wasm";
import type { UpdateRange } from "@shoal/optimization";

export interface Adasum {
  /** Kernel memory that it holds. */
  readonly bytes: number;
  /** Takes in the next contribution, of at least one sample. Borrows the gradient [size]. */
  fold(gradient: Offset, samples: number): void;
  /** Where the whole stands until the next `fold`; undefined when nothing was folded. Ends the tree. */
  finish(): Offset | undefined;
  dispose(): void;
}

export interface AdasumSite {
  readonly size: number;
  readonly slots: number;
  readonly ranges: readonly UpdateRange[];
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

/** √(least normal float64): below it a squared norm is nothing to divide by. */
const leastSquare = Math.sqrt(2 ** -1022);

/** Partial results that may stand at a time when `slots` contributions come one after the other. */
export function partialResults(slots: number): number {
  return Math.floor(Math.log2(slots + 1));
}

/** A part of the tree that is done: `leaves` contributions, a power of two. */
interface Partial {
  readonly region: Region;
  leaves: number;
  samples: number;
}

/** @throws ShoalError out_of_memory - nothing is taken then */
export function createAdasum(site: AdasumSite): Adasum {
  const { size, kernels, memory } = site;
  const regions: Region[] = [];
  const dispose = (): void => {
    for (const region of regions.splice(0)) memory.free(region);
  };
  try {
    for (let index = partialResults(site.slots); index > 0; index -= 1) regions.push(memory.allocate(size * 4));
  } catch (error) {
    dispose();
    throw error;
  }
  const bytes = regions.length * size * 4;
  let idle = [...regions];
  let partials: Partial[] = [];
  const merge = (into: Partial, other: Offset, samples: number): void => {
    for (const range of site.ranges) combine(site, range, into, other, samples);
    into.samples += samples;
  };
  return {
    bytes,
    fold(gradient, samples) {
      const before = partials.at(-1);
      if (before?.leaves === 1) {
        merge(before, gradient, samples);
        before.leaves = 2;
      } else {
        const region = idle.pop();
        if (region === undefined) throw new RangeError(`more than ${site.slots} contributions to one step`);
        kernels.copy(gradient, region.byteOffset, size);
        partials.push({ region, leaves: 1, samples });
      }
      for (;;) {
        const [pair, last] = partials.slice(-2);
        if (pair === undefined || last === undefined || pair.leaves !== last.leaves) break;
        merge(pair, last.region.byteOffset, last.samples);
        pair.leaves *= 2;
        idle.push(last.region);
        partials.pop();
      }
    },
    finish() {
      while (partials.length > 1) {
        const last = partials.pop() as Partial;
        merge(partials.at(-1) as Partial, last.region.byteOffset, last.samples);
      }
      const whole = partials[0]?.region.byteOffset;
      partials = [];
      idle = [...regions];
      return whole;
    },
    dispose,
  };
}

/** Overwrites the first of two vectors, in one range, with both combined. */
function combine(
  { kernels, memory }: AdasumSite,
  { begin, end, treatment }: UpdateRange,
  into: Partial,
  other: Offset,
  samples: number,
): void {
  const count = end - begin;
  const a = into.region.byteOffset + begin * 4;
  const b = other + begin * 4;
  let [factorA, factorB] = [0, 0];
  if (treatment.kind === "statistic") {
    factorB = samples / (into.samples + samples);
    factorA = 1 - factorB;
  } else {
    [factorA, factorB] = adasumFactors(memory.floats(a, count), memory.floats(b, count));
  }
  if (Math.max(Math.abs(factorA), Math.abs(factorB)) > greatestFactor) {
    const [x, y] = [memory.floats(a, count), memory.floats(b, count)];
    for (let key = 0; key < count; key += 1) x[key] = factorA * (x[key] as number) + factorB * (y[key] as number);
    return;
  }
  if (factorA !== 1) kernels.scale(a, count, factorA);
  kernels.axpy(b, a, count, factorB);
}

/** Beside a gradient of ordinary size the factor of one that has all but vanished is no float32; their product is. */
const greatestFactor = 2 ** 100;

/** The factors of `a` and `b`, which are borrowed. One pass, in float64. */
function adasumFactors(a: Float32Array, b: Float32Array): [number, number] {
  let [dot, squareA, squareB] = [0, 0, 0];
  for (let key = 0; key < a.length; key += 1) {
    const x = a[key] as number;
    const y = b[key] as number;
    dot += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  const factor = (square: number): number => (square >= leastSquare ? 1 - dot / (2 * square) : 1);
  return [factor(squareA), factor(squareB)];
}
