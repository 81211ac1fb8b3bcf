/** The face of a compiled model: one batch in, loss and gradient out. */
import type { Offset, Region } from "@shoal/kernels-wasm";
import type { ModelSpec } from "../spec/model-spec.ts";
import type { ParameterLayout } from "../spec/parameter-layout.ts";

/** What a plan needs of a memory. A `KernelMemory` is one; threads that may not allocate use `regionMemory`. */
export interface PlanMemory {
  readonly memory: WebAssembly.Memory;
  allocate(byteLength: number): Region;
  free(region: Region): void;
}

/** The model's outputs (logits for cross-entropy losses) of the batch last run: [rows, columns] float32. */
export interface PlanOutputs {
  readonly offset: Offset;
  readonly columns: number;
}

export interface Evaluation {
  /** Sum over the rows of each row's loss. */
  readonly lossSum: number;
  /** Rows whose greatest output (or sign, for one output) is the label's; 0 for regression losses. */
  readonly correct: number;
}

/**
 * A model compiled for batches of up to `batchSize` rows. All of its memory is one region, taken by `compile`; a step
 * allocates nothing. `parameters` and `gradient` are byte offsets of vectors of `layout.size` float32 in the same
 * kernel memory; parameters are borrowed for the call, the gradient is overwritten.
 */
export interface Plan {
  readonly spec: ModelSpec;
  readonly layout: ParameterLayout;
  readonly batchSize: number;
  /** Columns of `inputs`. */
  readonly features: number;
  /** Columns of the model's outputs and of `targets`. */
  readonly outputs: number;
  /** [batchSize, features], filled by the caller. Read it anew for each batch: it moves when a private memory grows. */
  readonly inputs: Float32Array;
  /** [batchSize, features] bytes, the staging area of `convertBytes`. */
  readonly inputBytes: Uint8Array;
  /** [batchSize] class labels for softmax cross-entropy; empty for the other losses. */
  readonly labels: Int32Array;
  /** [batchSize, outputs] targets of the other losses; empty for softmax cross-entropy. */
  readonly targets: Float32Array;
  /** Bytes of kernel memory that the plan holds. */
  readonly peakBytes: number;
  /** Sets the first `rows` rows of `inputs` to scale · (inputBytes − shift). */
  convertBytes(rows: number, scale: number, shift: number): void;
  /**
   * Runs forward and backward over the first `rows` rows; with 0 rows the gradient is zero.
   * @returns the mean loss; `gradient` is overwritten with the gradient of that mean
   * @throws ShoalError invalid_argument when a label is not below `outputs`; RangeError when rows > batchSize
   */
  gradient(parameters: Offset, gradient: Offset, rows: number): number;
  /** Runs forward only. The returned object and the outputs are overwritten by the next call. */
  forward(parameters: Offset, rows: number): PlanOutputs;
  evaluate(parameters: Offset, rows: number): Evaluation;
  /** Gives the plan's region back; the plan must not be used any more. */
  dispose(): void;
}
