/**
 * Accuracy: the share of positions whose greatest logit is the label's (of several that are equal, the first counts).
 * Top-k accuracy: the share where fewer than k logits stand before the label's.
 *
 * Where targets are numbers, the label is their greatest; one output alone stands for yes when its logit is positive.
 */
import type { PlanTarget } from "../plan/plan-inputs.ts";
import { isClassification, meanAccumulator, type MetricDefinition } from "./metric.ts";

export function topK(k: number): MetricDefinition {
  return {
    refuses({ loss, classes }) {
      if (!isClassification(loss)) return `needs classes, ${loss.type} has none`;
      return k > 1 && k >= classes ? `needs more than ${k} classes, there are ${classes}` : undefined;
    },
    create: ({ positions, classes }) =>
      meanAccumulator(
        (rows) => rows * positions,
        (outputs, target, count) => {
          let right = 0;
          for (let row = 0; row < count; row += 1) if (isRight(outputs, target, row, classes, k)) right += 1;
          return right;
        },
      ),
  };
}

function isRight(outputs: Float32Array, target: PlanTarget, row: number, classes: number, k: number): boolean {
  const begin = row * classes;
  if (classes === 1 && target.kind === "numbers") return outputs[begin]! > 0 === target.numbers[begin]! > 0.5;
  const label = target.kind === "labels" ? target.labels[row]! : greatest(target.numbers, begin, classes);
  const logit = outputs[begin + label]!;
  let before = 0;
  for (let column = 0; column < classes; column += 1) {
    const other = outputs[begin + column]!;
    if (other > logit || (other === logit && column < label)) before += 1;
  }
  return before < k;
}

/** Index of the greatest of `count` numbers from `begin`; the first of equal ones. */
export function greatest(values: Float32Array, begin: number, count: number): number {
  let best = 0;
  for (let index = 1; index < count; index += 1) if (values[begin + index]! > values[begin + best]!) best = index;
  return best;
}
