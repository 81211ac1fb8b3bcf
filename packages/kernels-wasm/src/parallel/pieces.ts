/**
 * How a matrix product is cut for several threads: along the longer side of C.
 *
 * Invariant
 *   P1  The pieces together give the bits of the whole. An element of C is the same chain of multiply-adds wherever it
 *       stands in a block, so all that matters is that a piece goes the same way through `assembly/matmul.ts` as the
 *       whole does. Products of few rows or columns have ways of their own; neither they nor pieces as small exist here.
 */

/** Products below this many multiply-adds take about as long as waking a thread: 2^20 are 40 µs. */
const leastWork = 2 ** 20;
/** Work of one piece at most, so that threads that run unevenly end together; as many pieces pack more panels. */
const greatPiece = 2 ** 25;
/** Up to this many rows or columns the kernels go another way (`DOT_SIDE`, `DIRECT_ROWS` in assembly/matmul.ts). */
const fewLines = 12;
/** Whole tiles of both builds: pieces of columns and of rows are multiples of these. */
const columnUnit = 8;
const rowUnit = 30;
/** Pieces of one product at most: a bit of an int32 each. */
const mostPieces = 24;

/** True when C[m×n] is cut by columns, false when by rows. */
export function cutsColumns(m: number, n: number): boolean {
  return n >= m;
}

/** Columns or rows of each piece but the last of C[m×n] with depth k; 0 when one thread is to compute the whole. */
export function pieceLines(m: number, k: number, n: number, threads: number): number {
  const work = m * k * n;
  if (threads < 2 || work < leastWork || Math.min(m, n) <= fewLines) return 0;
  const unit = cutsColumns(m, n) ? columnUnit : rowUnit;
  const total = Math.max(m, n);
  const rounds = Math.ceil(work / threads / greatPiece);
  const pieces = Math.min(mostPieces, threads * rounds);
  let lines = Math.max(2 * fewLines, Math.ceil(total / pieces));
  lines = Math.ceil(lines / unit) * unit;
  // P1: the last piece must not be a product of few lines.
  for (let rest = total % lines; rest > 0 && rest <= fewLines; rest = total % lines) lines += unit;
  return lines < total ? lines : 0;
}
