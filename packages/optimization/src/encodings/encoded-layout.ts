/** Which elements of a vector are encoded, which are sent as they are, and how many bytes that makes. */
import { int4Bytes, int8Bytes, signBytes, thresholdBytes } from "@shoal/kernels-wasm";
import type { ConcreteEncodingSpec } from "./encoding-spec.ts";
import type { ElementRange, EncodingLayout, MatrixSegment } from "./encoding.ts";
import { placementOf } from "./placement.ts";

/**
 * The encoded elements of a vector stand one after the other, the plain ones after them:
 * `[codec bytes, up to a multiple of 4][plain float32, in ascending ranges]`.
 */
export interface EncodedLayout {
  readonly encoded: readonly ElementRange[];
  readonly encodedCount: number;
  readonly plain: readonly ElementRange[];
  readonly plainCount: number;
  /** Of power_sgd: the matrices that become factors, and all other encoded elements. Both count encoded elements only. */
  readonly matrices: readonly MatrixSegment[];
  readonly rest: readonly ElementRange[];
  readonly codecBytes: number;
  /** Of the whole vector: `codecBytes` and 4 for each plain element. */
  readonly bytes: number;
}

/** @throws RangeError when the size is not a count, or ranges or matrices do not fit or do not ascend */
export function encodedLayout(spec: ConcreteEncodingSpec, layout: EncodingLayout): EncodedLayout {
  const { size, plain: given = [], matrices: offered = [] } = layout;
  if (!(Number.isSafeInteger(size) && size >= 1)) throw new RangeError(`size is ${size}; expected at least 1`);
  checkAscending(given, size, "plain range");
  checkAscending(offered.map(rangeOf), size, "matrix");
  const plain = spec.name === "float32" ? [{ begin: 0, end: size }] : given.filter(isFilled);
  const encoded = complementOf(plain, size);
  const encodedCount = countOf(encoded);
  const plainCount = size - encodedCount;
  const matrices = spec.name === "power_sgd" ? factored(offered, spec.rank, encoded) : [];
  const rest = complementOf(matrices.map(rangeOf), encodedCount);
  const codecBytes = encodedCount === 0 ? 0 : Math.ceil(codecBytesOf(spec, encodedCount, matrices, rest) / 4) * 4;
  const bytes = codecBytes + 4 * plainCount;
  return { encoded, encodedCount, plain, plainCount, matrices, rest, codecBytes, bytes };
}

/**
 * Bytes that every vector of a layout takes in an encoding.
 * @throws RangeError when the layout is none
 */
export function encodedBytes(spec: ConcreteEncodingSpec, layout: EncodingLayout): number {
  return encodedLayout(spec, layout).bytes;
}

/** How many of `count` elements a share is: at least 1. */
export function sharedCount(share: number, count: number): number {
  return Math.max(1, Math.min(count, Math.round(share * count)));
}

function codecBytesOf(
  spec: ConcreteEncodingSpec,
  count: number,
  matrices: readonly MatrixSegment[],
  rest: readonly ElementRange[],
): number {
  switch (spec.name) {
    case "float32":
      return 0;
    case "bfloat16":
    case "float16":
      return 2 * count;
    case "int8":
      return int8Bytes(count);
    case "int4":
      return int4Bytes(count);
    case "one_bit":
      return signBytes(count);
    case "two_bit":
      return thresholdBytes(count);
    case "top_k":
      return 8 * sharedCount(spec.share, count);
    case "random_k":
      return 4 + 4 * sharedCount(spec.share, count);
    case "power_sgd":
      return 4 * matrices.reduce((sum, { rows, columns }) => sum + spec.rank * (rows + columns), countOf(rest));
  }
}

/** The matrices whose factors are smaller than they are and which stand in one encoded range; in encoded elements. */
function factored(
  offered: readonly MatrixSegment[],
  rank: number,
  encoded: readonly ElementRange[],
): readonly MatrixSegment[] {
  const placement = placementOf(encoded);
  return offered.flatMap((matrix) => {
    const { begin, end } = rangeOf(matrix);
    const home = placement.find(({ at, count }) => begin >= at && end <= at + count);
    const isSmaller = rank * (matrix.rows + matrix.columns) < end - begin;
    return home === undefined || !isSmaller ? [] : [{ ...matrix, offset: begin - home.at + home.begin }];
  });
}

function rangeOf({ offset, rows, columns }: MatrixSegment): ElementRange {
  return { begin: offset, end: offset + rows * columns };
}

function checkAscending(ranges: readonly ElementRange[], size: number, what: string): void {
  let last = 0;
  for (const { begin, end } of ranges) {
    const fits =
      Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= last && end >= begin && end <= size;
    if (!fits) throw new RangeError(`${what} [${begin}, ${end}) does not follow ${last} within ${size} elements`);
    last = end;
  }
}

function complementOf(ranges: readonly ElementRange[], size: number): ElementRange[] {
  const begins = [0, ...ranges.map(({ end }) => end)];
  const ends = [...ranges.map(({ begin }) => begin), size];
  return begins.map((begin, index) => ({ begin, end: ends[index] ?? size })).filter(isFilled);
}

function isFilled({ begin, end }: ElementRange): boolean {
  return end > begin;
}

function countOf(ranges: readonly ElementRange[]): number {
  return ranges.reduce((sum, { begin, end }) => sum + end - begin, 0);
}
