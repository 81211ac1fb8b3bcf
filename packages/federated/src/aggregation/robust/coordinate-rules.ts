/**
 * Rules that look at one key at a time: each client has one vote, whatever its samples.
 *
 *   median         the middle value; of an even number the mean of the middle two
 *   trimmed mean   the mean without the k least and the k greatest
 *   near median    the mean of the `count` values nearest to the median (the last step of Bulyan)
 *
 * Sources  Yin, Chen, Ramchandran, Bartlett, ICML 2018; El Mhamdi, Guerraoui, Rouault, ICML 2018 (Bulyan).
 */

/** Takes the sorted values of one key, makes one. */
type ColumnRule = (ascending: Float64Array) => number;

/** @param chunks [clients] of the same keys; borrowed @param into as long; overwritten */
export function medianInto(chunks: readonly Float32Array[], into: Float32Array): void {
  combineColumns(chunks, into, medianOf);
}

/** @param trim values to leave out on either side; 2·trim < clients */
export function trimmedMeanInto(chunks: readonly Float32Array[], trim: number, into: Float32Array): void {
  combineColumns(chunks, into, (ascending) => meanOf(ascending, trim, ascending.length - trim));
}

export function meanNearMedianInto(chunks: readonly Float32Array[], count: number, into: Float32Array): void {
  combineColumns(chunks, into, (ascending) => meanNearest(ascending, medianOf(ascending), count));
}

export function medianOf(ascending: Float64Array): number {
  const half = ascending.length >> 1;
  const upper = ascending[half] ?? NaN;
  return ascending.length % 2 === 1 ? upper : ((ascending[half - 1] ?? NaN) + upper) / 2;
}

/**
 * The mean of the `count` values nearest to `reference`. They are neighbours in the order; of two windows that reach
 * equally far the lower one counts.
 */
export function meanNearest(ascending: Float64Array, reference: number, count: number): number {
  let begin = 0;
  while (
    begin + count < ascending.length &&
    (ascending[begin + count] ?? NaN) - reference < reference - (ascending[begin] ?? NaN)
  ) {
    begin += 1;
  }
  return meanOf(ascending, begin, begin + count);
}

function meanOf(ascending: Float64Array, begin: number, end: number): number {
  let sum = 0;
  for (let i = begin; i < end; i += 1) sum += ascending[i] ?? 0;
  return sum / (end - begin);
}

function combineColumns(chunks: readonly Float32Array[], into: Float32Array, rule: ColumnRule): void {
  const column = new Float64Array(chunks.length);
  for (let key = 0; key < into.length; key += 1) {
    for (let client = 0; client < chunks.length; client += 1) column[client] = chunks[client]?.[key] ?? 0;
    into[key] = rule(column.sort());
  }
}
