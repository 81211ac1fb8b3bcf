/** Parts of a vector that are updated in ways of their own. */

/** What an update does to a range of values. */
export type Treatment =
  | {
      /** The optimiser's step. */
      readonly kind: "optimizer";
      /** Instead of the optimiser's own; null: that. */
      readonly weightDecay: number | null;
      /** Factor on the step's learning rate. */
      readonly learningRateScale: number;
    }
  /** Nothing. */
  | { readonly kind: "frozen" }
  /**
   * w ← w − rate·g, whatever the optimiser and its learning rate, with the mean of the contributions: g is the distance
   * of a running statistic from what a batch measured.
   */
  | { readonly kind: "statistic"; readonly rate: number };

/** Values [begin, end), counted from the first of the optimiser's own. */
export interface UpdateRange {
  readonly begin: number;
  readonly end: number;
  readonly treatment: Treatment;
}

/** The optimiser as it is. */
export const plainTreatment: Treatment = { kind: "optimizer", weightDecay: null, learningRateScale: 1 };

/** @throws RangeError when the ranges are not ascending, empty, or do not cover [0, size) without gap */
export function checkRanges(ranges: readonly UpdateRange[], size: number): void {
  let next = 0;
  for (const { begin, end } of ranges) {
    if (begin !== next || !(Number.isSafeInteger(end) && end > begin)) {
      throw new RangeError(`update range [${begin}, ${end}) does not follow key ${next}`);
    }
    next = end;
  }
  if (next !== size) throw new RangeError(`update ranges cover [0, ${next}), not all of the ${size} values`);
}
