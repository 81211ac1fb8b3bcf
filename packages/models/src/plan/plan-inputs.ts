/**
 * What a plan's user fills before each step. Read a view anew for each batch: it moves when a private memory grows.
 */

export interface FloatsInput {
  readonly kind: "floats";
  /** Elements of one sample. */
  readonly width: number;
  /** [batchSize, width]. */
  readonly floats: Float32Array;
  /** [batchSize, width] bytes, the staging area of `convertBytes`. */
  readonly bytes: Uint8Array;
  /** Sets the first `rows` rows of `floats` to scale · (bytes − shift). */
  convertBytes(rows: number, scale: number, shift: number): void;
}

export interface TokensInput {
  readonly kind: "tokens";
  readonly length: number;
  readonly vocabulary: number;
  /** [batchSize, length]. */
  readonly tokens: Int32Array;
}

export interface SparseInput {
  readonly kind: "sparse";
  readonly features: number;
  readonly active: number;
  /** [batchSize + 1]: entries of row r are [rowOffsets[r], rowOffsets[r + 1]); rowOffsets[0] is 0. */
  readonly rowOffsets: Int32Array;
  /** [batchSize · active], ascending within a row. */
  readonly indices: Int32Array;
  readonly values: Float32Array;
}

export type PlanInput = FloatsInput | TokensInput | SparseInput;

/** Class labels: one for each position of an output, [batchSize, positions]. */
export interface LabelsTarget {
  readonly kind: "labels";
  /** Labels of one sample. */
  readonly length: number;
  readonly classes: number;
  readonly labels: Int32Array;
}

/** Numbers to be reached, [batchSize, width]; also a teacher's logits. */
export interface NumbersTarget {
  readonly kind: "numbers";
  readonly width: number;
  readonly numbers: Float32Array;
}

export type PlanTarget = LabelsTarget | NumbersTarget;
