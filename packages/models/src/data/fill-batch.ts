/** Gathers the samples of a batch into a plan. */
import type { Plan } from "../plan/plan.ts";
import type { Split } from "./dataset.ts";

/**
 * Copies the samples `order[begin … end)` of a split into the plan's inputs and labels (or targets). Borrows all.
 * Regression targets, and the 0/1 labels of a single-output binary model, are copied as they are; a model with several
 * outputs and a loss other than softmax cross-entropy gets one-hot targets.
 * @returns the number of rows, end − begin
 * @throws RangeError when there are more rows than the plan takes
 */
export function fillBatch(split: Split, order: Uint32Array, begin: number, end: number, plan: Plan): number {
  const rows = end - begin;
  if (rows < 0 || rows > plan.batchSize) {
    throw new RangeError(`a batch of ${rows} rows does not fit a plan for ${plan.batchSize}`);
  }
  fillInputs(split, order, begin, rows, plan);
  if (plan.labels.length > 0) {
    const labels = plan.labels;
    for (let row = 0; row < rows; row += 1) labels[row] = split.labels[order[begin + row] ?? 0] ?? 0;
  } else {
    fillTargets(split, order, begin, rows, plan);
  }
  return rows;
}

function fillInputs(split: Split, order: Uint32Array, begin: number, rows: number, plan: Plan): void {
  const { inputs, features } = split;
  const bytes = inputs instanceof Uint8Array;
  const into = bytes ? plan.inputBytes : plan.inputs;
  for (let row = 0; row < rows; row += 1) {
    const first = (order[begin + row] ?? 0) * features;
    into.set(inputs.subarray(first, first + features), row * features);
  }
  if (bytes) plan.convertBytes(rows, split.scale, split.shift);
}

function fillTargets(split: Split, order: Uint32Array, begin: number, rows: number, plan: Plan): void {
  const { targets, outputs } = plan;
  if (outputs === 1) {
    const numbers = split.targets ?? split.labels;
    for (let row = 0; row < rows; row += 1) targets[row] = numbers[order[begin + row] ?? 0] ?? 0;
    return;
  }
  targets.fill(0, 0, rows * outputs);
  for (let row = 0; row < rows; row += 1) {
    targets[row * outputs + (split.labels[order[begin + row] ?? 0] ?? 0)] = 1;
  }
}
