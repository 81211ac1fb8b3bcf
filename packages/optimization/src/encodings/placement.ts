/** Where elements that are encoded one after the other stand in their vector. */
import type { ElementRange } from "./encoding.ts";

/** Elements that are neighbours in both. */
export interface Piece {
  /** First of them, counted in encoded elements. */
  readonly begin: number;
  /** The same, counted in elements of the vector. */
  readonly at: number;
  readonly count: number;
}

/** Ascending in both. */
export type Placement = readonly Piece[];

export function placementOf(ranges: readonly ElementRange[]): Placement {
  let encoded = 0;
  return ranges.map(({ begin, end }) => {
    const piece = { begin: encoded, at: begin, count: end - begin };
    encoded += piece.count;
    return piece;
  });
}

/** Calls `visit` for the parts of `[begin, end)` of the encoded elements, in order. */
export function visitPieces(
  placement: Placement,
  begin: number,
  end: number,
  visit: (begin: number, at: number, count: number) => void,
): void {
  for (const piece of placement) {
    const first = Math.max(begin, piece.begin);
    const last = Math.min(end, piece.begin + piece.count);
    if (last > first) visit(first, piece.at + first - piece.begin, last - first);
  }
}
