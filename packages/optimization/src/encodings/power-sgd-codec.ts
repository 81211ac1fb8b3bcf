/**
 * PowerSGD, the form of a single worker: one step of power iteration from the factor of the vector before.
 *
 *   P = M·Q;  P ← orthonormal columns;  Q ← Mᵀ·P;  send P, Q;  decoded M̂ = P·Qᵀ;  e = M − M̂
 *
 * The paper averages P and Q over all workers; a parameter server averages the M̂ it gets, which says at least as much
 * (the mean of M̂ over workers + the mean of e = the mean of M) for more bytes on the way down. M̂ is the projection of M
 * onto the columns of P, so ‖e‖ ≤ ‖M‖: error feedback stays bounded.
 *
 * Bytes  for each matrix [n×m]: Pᵀ [rank×n] float32, then Qᵀ [rank×m] float32; then all other elements as float32, which
 *        have no error. Stored transposed, a column is a run of
 *        neighbours to the kernels. Sums of products may be fused on one machine and not on another (K2, relaxed build):
 *        both ends then differ by roundings, which the error does not know of.
 * Source  Vogels, Karimireddy, Jaggi, NeurIPS 2019, arXiv 1905.13727.
 */
import type { KernelMemory, Kernels, Offset, Region } from "@shoal/kernels-wasm";
import type { Codec, CodecSite } from "./codec.ts";
import { visitPieces } from "./placement.ts";
import { createBits } from "./seeded-bits.ts";

/** A column that projection leaves less of than this share is what rounding made of nothing. */
const leastRest = 2 ** -16;

/** @throws ShoalError out_of_memory - nothing is kept then */
export function createPowerSgdCodec(rank: number, site: CodecSite): Codec {
  const { layout, kernels, memory, encodes } = site;
  const { matrices, rest, codecBytes } = layout;
  const factorCount = encodes ? rank * matrices.reduce((sum, { columns }) => sum + columns, 0) : 0;
  const mostRows = matrices.reduce((most, { rows }) => Math.max(most, rows), 0);
  // Both parts in one region: a failed allocation leaves nothing behind.
  const region: Region = memory.allocate(4 * (factorCount + rank * mostRows));
  const [factors, scratch] = [region.byteOffset, region.byteOffset + 4 * factorCount];
  return {
    factors: memory.floats(factors, factorCount),
    encode: {
      kind: "whole",
      run(p, into, draw) {
        let [q, left] = [factors, into];
        // Of the batch alone: whoever goes on from saved factors draws the same.
        let bits: (() => number) | undefined;
        const refill = (): number => (bits ??= createBits(draw))();
        for (const { offset, rows, columns } of matrices) {
          const [m, right] = [p + 4 * offset, left + 4 * rank * rows];
          prepare(memory, kernels, q, rank, columns, refill);
          kernels.matmulTransposeB(q, m, left, rank, columns, rows, false);
          orthonormalize(kernels, left, rank, rows);
          kernels.matmul(left, m, right, rank, rows, columns, false);
          kernels.copy(right, q, rank * columns);
          kernels.scaleInto(left, scratch, rank * rows, -1);
          kernels.matmulTransposeA(scratch, right, m, rows, rank, columns, true);
          q += 4 * rank * columns;
          left = right + 4 * rank * columns;
        }
        for (const { begin, end } of rest) {
          kernels.copy(p + 4 * begin, left, end - begin);
          kernels.fill(p + 4 * begin, end - begin, 0);
          left += 4 * (end - begin);
        }
      },
    },
    faultOf: (from) => (kernels.allFinite(from, codecBytes / 4) ? undefined : "a value is not finite"),
    put(from, into, placement, weight) {
      let left = from;
      for (const { offset, rows, columns } of matrices) {
        const right = left + 4 * rank * rows;
        kernels.scaleInto(left, scratch, rank * rows, weight ?? 1);
        // A matrix is never cut: one piece.
        visitPieces(placement, offset, offset + rows * columns, (_begin, at) => {
          kernels.matmulTransposeA(scratch, right, into + 4 * at, rows, rank, columns, weight !== undefined);
        });
        left = right + 4 * rank * columns;
      }
      for (const { begin, end } of rest) {
        const from = left - 4 * begin;
        visitPieces(placement, begin, end, (first, at, count) => {
          if (weight === undefined) kernels.copy(from + 4 * first, into + 4 * at, count);
          else kernels.axpy(from + 4 * first, into + 4 * at, count, weight);
        });
        left += 4 * (end - begin);
      }
    },
    dispose: () => memory.free(region),
  };
}

/**
 * Brings the columns of Q to the magnitude 1, which changes nothing of what they span but keeps products in range. A
 * column that is zero, as all are at the beginning and after a matrix of lower rank, starts from random values again:
 * otherwise it would be zero for ever.
 */
function prepare(
  memory: KernelMemory,
  kernels: Kernels,
  q: Offset,
  rank: number,
  columns: number,
  refill: () => number,
): void {
  for (let column = 0; column < rank; column++) {
    const at = q + 4 * column * columns;
    const most = kernels.maxAbs(at, columns);
    if (most > leastMagnitude) {
      kernels.scale(at, columns, 1 / most);
      continue;
    }
    const values = memory.floats(at, columns);
    for (let index = 0; index < columns; index++) values[index] = refill() / 2 ** 31 - 1;
  }
}

/** Below this a column counts as zero: its inverse could be infinite. */
const leastMagnitude = 2 ** -120;

/**
 * Gram–Schmidt, each column twice against those before it: once is not enough where it nearly depends on them. A
 * dependent column becomes zero; with the others it would count a direction twice, and the error would grow.
 */
function orthonormalize(kernels: Kernels, p: Offset, rank: number, rows: number): void {
  for (let column = 0; column < rank; column++) {
    const at = p + 4 * column * rows;
    const scaled = (least: number): boolean => {
      const most = kernels.maxAbs(at, rows);
      if (most <= least) kernels.fill(at, rows, 0);
      else kernels.scale(at, rows, 1 / most);
      return most > least;
    };
    if (!scaled(leastMagnitude)) continue;
    const project = (): void => {
      for (let other = p; other < at; other += 4 * rows) kernels.axpy(other, at, rows, -kernels.dot(other, at, rows));
    };
    project();
    if (!scaled(leastRest)) continue;
    project();
    kernels.scale(at, rows, 1 / Math.sqrt(kernels.squaredNorm(at, rows)));
  }
}
