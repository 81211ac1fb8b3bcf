/**
 * Sparse rows. Row r has the entries [rowOffsets[r], rowOffsets[r + 1]) of `indices` (int32 features) and `values`
 * (float32); `rowOffsets` is int32 [rows + 1].
 */
import type { Offset } from "../kernels.ts";

export interface SparseKernels {
  /** y[rows, columns] = bias + Σ value · table[feature]; `bias` 0: none. */
  sparseProduct(
    rowOffsets: Offset,
    indices: Offset,
    values: Offset,
    table: Offset,
    bias: Offset,
    y: Offset,
    rows: number,
    columns: number,
  ): void;
  /** table[feature] += value · g[row], for g [rows, columns]; the rest of the table keeps its values. */
  sparseScatter(
    rowOffsets: Offset,
    indices: Offset,
    values: Offset,
    g: Offset,
    table: Offset,
    rows: number,
    columns: number,
  ): void;
  /**
   * The second-order term of a factorisation machine (Rendle, ICDM 2010), one number a row:
   * y[row] = ½ Σ_f (sums[row, f]² − Σ (value · factors[feature, f])²).
   * @param sums [rows, count], the product of the rows and the factors
   */
  factorPairs(
    rowOffsets: Offset,
    indices: Offset,
    values: Offset,
    factors: Offset,
    sums: Offset,
    y: Offset,
    rows: number,
    count: number,
  ): void;
  /** gradient[feature] += g[row] · value · (sums[row] − value · factors[feature]). */
  factorPairsGradient(
    rowOffsets: Offset,
    indices: Offset,
    values: Offset,
    factors: Offset,
    sums: Offset,
    g: Offset,
    gradient: Offset,
    rows: number,
    count: number,
  ): void;
}

export type SparseExports = Pick<SparseKernels, keyof SparseKernels>;

export function sparseKernels(raw: SparseExports): SparseKernels {
  return {
    sparseProduct: raw.sparseProduct,
    sparseScatter: raw.sparseScatter,
    factorPairs: raw.factorPairs,
    factorPairsGradient: raw.factorPairsGradient,
  };
}
