/** The face of a compiled model: one batch in, losses and gradient out. */
import type { Offset, Region } from "@shoal/kernels-wasm";
import type { ModelSpec } from "../spec/model-spec.ts";
import type { ParameterLayout } from "../spec/parameter-layout.ts";
import type { PlanGates } from "./plan-gates.ts";
import type { PlanInput, PlanTarget } from "./plan-inputs.ts";
import type { Draw } from "./stage.ts";

/** What a plan needs of a memory. A `KernelMemory` is one; threads that may not allocate use `regionMemory`. */
export interface PlanMemory {
  readonly memory: WebAssembly.Memory;
  allocate(byteLength: number): Region;
  free(region: Region): void;
}

/** An output (logits for cross-entropy losses) of the batch last run: [rows, …shape] float32. */
export interface PlanOutput {
  readonly offset: Offset;
  /** Of one sample. */
  readonly shape: readonly number[];
}

/**
 * A model compiled for batches of up to `batchSize` rows. All of its memory is one region, taken by `compile`; a step
 * allocates nothing. `parameters` and `gradient` are byte offsets of vectors of `layout.size` float32 in the same
 * kernel memory; parameters are borrowed for the call, the gradient is overwritten.
 *
 * A model that does not name them has the input `input` and the output `output`.
 */
export interface Plan {
  readonly spec: ModelSpec;
  readonly layout: ParameterLayout;
  readonly batchSize: number;
  /** Filled by the caller before each step; a step leaves them as they are. */
  readonly inputs: Readonly<Record<string, PlanInput>>;
  /** One for each output; not read by `forward`. */
  readonly targets: Readonly<Record<string, PlanTarget>>;
  /** Hold what `forward` or `evaluate` computed until the plan is filled or run again. */
  readonly outputs: Readonly<Record<string, PlanOutput>>;
  /** Bytes of kernel memory that the plan holds. */
  readonly peakBytes: number;
  /**
   * Runs forward and backward over the first `rows` rows; with 0 rows the gradient is zero, as it always is for frozen
   * parameters.
   * @param gates - asked and told within the call; without them it costs nothing
   * @returns the mean loss, of several outputs the weighted sum; `gradient` is overwritten with the gradient of that
   * @throws ShoalError invalid_argument when a label, token or index is beyond its bound; RangeError when
   * rows > batchSize
   */
  gradient(parameters: Offset, gradient: Offset, rows: number, draw: Draw, gates?: PlanGates): number;
  /** Runs forward only, as the model is used: without dropout, with running statistics. @throws as `gradient` */
  forward(parameters: Offset, rows: number): void;
  /**
   * Runs forward as `forward` does and measures the losses.
   * @returns the sum over the rows of each row's loss; of several outputs the weighted sum
   * @throws as `gradient`
   */
  evaluate(parameters: Offset, rows: number): number;
  /** Gives the plan's region back; the plan must not be used any more. */
  dispose(): void;
}
