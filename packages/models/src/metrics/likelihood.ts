/**
 * Log loss: the mean of −ln p(answer) in nats, in float64 and stable for any logits (without label smoothing or class
 * weights, so that models trained in different ways compare). Perplexity: its exponential, for language models the number
 * of tokens among which the model is undecided.
 */
import type { PlanTarget } from "../plan/plan-inputs.ts";
import { meanAccumulator, type MeasuredOutput, type MetricAccumulator, type MetricDefinition } from "./metric.ts";

function refuses({ loss }: MeasuredOutput): string | undefined {
  if (loss.type === "softmax_cross_entropy" || loss.type === "binary_cross_entropy") return undefined;
  return `needs the probability of an answer, ${loss.type} gives none`;
}

function create({ positions, classes }: MeasuredOutput): MetricAccumulator {
  return meanAccumulator(
    (rows) => rows * positions,
    (outputs, target, count) => {
      let sum = 0;
      for (let row = 0; row < count; row += 1) sum += surprise(outputs, target, row, classes);
      return sum;
    },
  );
}

/** −ln p of one position's answer; of several binary outputs the mean. */
function surprise(outputs: Float32Array, target: PlanTarget, row: number, classes: number): number {
  const begin = row * classes;
  if (target.kind === "labels") {
    return logSumExp(outputs, begin, classes) - outputs[begin + target.labels[row]!]!;
  }
  let sum = 0;
  for (let at = begin; at < begin + classes; at += 1) {
    const logit = outputs[at]!;
    // −t ln σ(x) − (1 − t) ln(1 − σ(x)), written without an exponential of a positive number.
    sum += Math.max(logit, 0) - logit * target.numbers[at]! + Math.log1p(Math.exp(-Math.abs(logit)));
  }
  return sum / classes;
}

function logSumExp(values: Float32Array, begin: number, count: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let at = begin; at < begin + count; at += 1) top = Math.max(top, values[at]!);
  let sum = 0;
  for (let at = begin; at < begin + count; at += 1) sum += Math.exp(values[at]! - top);
  return top + Math.log(sum);
}

export const logLoss: MetricDefinition = { refuses, create };

export const perplexity: MetricDefinition = {
  refuses,
  create(output) {
    const inner = create(output);
    return {
      add: (outputs, target, rows) => inner.add(outputs, target, rows),
      value() {
        const nats = inner.value();
        const value = nats === undefined ? undefined : Math.exp(nats);
        return value === Number.POSITIVE_INFINITY ? undefined : value;
      },
    };
  },
};
