/** What a metric is: sums over the batches of an evaluation, from which one number comes at the end. */
import type { PlanTarget } from "../plan/plan-inputs.ts";
import type { LossSpec } from "../spec/model-spec.ts";

/** The output of a model that is measured. */
export interface MeasuredOutput {
  readonly name: string;
  readonly loss: LossSpec;
  /** Rows of `classes` numbers that one sample has: 1, or the positions of a language model. */
  readonly positions: number;
  readonly classes: number;
}

export interface MetricAccumulator {
  /**
   * Adds a batch. Borrows both.
   * @param outputs [rows, positions, classes]: logits, or numbers under a regression loss
   * @param target of the same rows
   */
  add(outputs: Float32Array, target: PlanTarget, rows: number): void;
  /** Over everything added; undefined where it is not defined, such as an AUC of one class. */
  value(): number | undefined;
}

export interface MetricDefinition {
  /** Why it cannot be measured at this output, as the end of a sentence; undefined: it can. */
  refuses(output: MeasuredOutput): string | undefined;
  create(output: MeasuredOutput): MetricAccumulator;
}

/** Whether answers are classes: labels, numbers in [0, 1], or a teacher's opinion. */
export function isClassification(loss: LossSpec): boolean {
  return loss.type !== "mean_squared_error" && loss.type !== "huber";
}

/** A mean of what each position adds. */
export function meanAccumulator(
  positionsOf: (rows: number) => number,
  sumOf: (outputs: Float32Array, target: PlanTarget, count: number) => number,
): MetricAccumulator {
  let sum = 0;
  let count = 0;
  return {
    add(outputs, target, rows) {
      const added = positionsOf(rows);
      sum += sumOf(outputs, target, added);
      count += added;
    },
    value: () => (count === 0 ? undefined : sum / count),
  };
}
