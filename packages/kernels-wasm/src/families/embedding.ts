/** Rows of a table by int32 token. A token beyond the table would reach memory of others: callers check. */
import type { Offset } from "../kernels.ts";

export interface EmbeddingKernels {
  /** out[count×width] = the rows `tokens[count]` of table[…×width]. */
  gatherRows(tokens: Offset, table: Offset, out: Offset, count: number, width: number): void;
  /** table[tokens[i]] += rows[i] for i from 0 to count − 1, in this order (K2). */
  scatterAddRows(tokens: Offset, rows: Offset, table: Offset, count: number, width: number): void;
}

export type EmbeddingExports = Pick<EmbeddingKernels, keyof EmbeddingKernels>;

export function embeddingKernels(raw: EmbeddingExports): EmbeddingKernels {
  return { gatherRows: raw.gatherRows, scatterAddRows: raw.scatterAddRows };
}
