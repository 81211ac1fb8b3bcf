/** The matrices of a model, as far as one key range holds them. */
import type { ElementRange, MatrixSegment } from "./encoding.ts";

/** A parameter within the vector of a whole model. */
export interface ShapedSegment {
  readonly offset: number;
  /** More than two dimensions (a convolution's filters) count as a matrix of the first by all others. */
  readonly shape: readonly number[];
}

/**
 * Whole rows only: what a border of the range cuts off is no matrix and is sent as it is.
 * @param segments - ascending
 * @returns offsets count from the beginning of the range; parameters with one dimension are left out
 */
export function matricesWithin(segments: readonly ShapedSegment[], { begin, end }: ElementRange): MatrixSegment[] {
  return segments.flatMap(({ offset, shape }) => {
    const [length = 1, ...others] = shape;
    const columns = others.reduce((product, size) => product * size, 1);
    if (others.length === 0 || columns < 2) return [];
    const first = Math.max(0, Math.ceil((begin - offset) / columns));
    const last = Math.min(length, Math.floor((end - offset) / columns));
    return last - first < 2 ? [] : [{ offset: offset + first * columns - begin, rows: last - first, columns }];
  });
}
