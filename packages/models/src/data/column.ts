/**
 * One column of a data set: what every sample has of one input or one target. All arrays stand on shared memory where
 * that exists, so that a column can be posted to a thread without a copy.
 */

/** [count, width] numbers; bytes stand for `scale · (byte − shift)`, floats for themselves. */
export interface DenseColumn {
  readonly kind: "dense";
  readonly width: number;
  readonly values: Uint8Array | Float32Array;
  readonly scale: number;
  readonly shift: number;
}

/** [count] classes in [0, classes). */
export interface LabelColumn {
  readonly kind: "labels";
  readonly classes: number;
  readonly values: Int32Array;
}

/**
 * Windows of a long row of tokens: sample i is `tokens[i·stride + begin … + length)`. The targets of a language model are
 * the same windows with `begin` 1.
 */
export interface WindowColumn {
  readonly kind: "windows";
  readonly vocabulary: number;
  readonly length: number;
  readonly stride: number;
  readonly begin: number;
  readonly tokens: Uint8Array | Uint16Array | Int32Array;
}

/** Sparse rows: row i has the entries [rowOffsets[i], rowOffsets[i + 1]) of `indices` (ascending) and `values`. */
export interface SparseColumn {
  readonly kind: "sparse";
  readonly features: number;
  /** Most entries of one row. */
  readonly active: number;
  readonly rowOffsets: Uint32Array;
  readonly indices: Uint32Array;
  /** Undefined: every value is 1. */
  readonly values: Float32Array | undefined;
}

/** How one sample of a column stands in a record. */
export type StoredContent =
  /** float32. */
  | { readonly kind: "floats"; readonly width: number }
  | { readonly kind: "bytes"; readonly width: number; readonly scale: number; readonly shift: number }
  /** One int32. */
  | { readonly kind: "labels"; readonly classes: number }
  /** int32; the windows of neighbouring records overlap. */
  | { readonly kind: "tokens"; readonly length: number; readonly vocabulary: number }
  /** The number of entries (uint32), then room for `active` indices (uint32), then for as many values (float32). */
  | { readonly kind: "sparse"; readonly features: number; readonly active: number };

/**
 * Records of equal length in a file that is too large for memory; read by position, so that a seeded order works as it
 * does in memory. All numbers are little-endian. A column's bytes of record i begin at `begin + i · recordBytes + at`.
 */
export interface StoredColumn {
  readonly kind: "stored";
  readonly file: string;
  /** From one record to the next. */
  readonly recordBytes: number;
  /** First byte of record 0. */
  readonly begin: number;
  /** First byte of this column within a record. */
  readonly at: number;
  readonly content: StoredContent;
}

export type Column = DenseColumn | LabelColumn | WindowColumn | SparseColumn | StoredColumn;
