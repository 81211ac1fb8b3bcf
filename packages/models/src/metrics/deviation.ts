/** Mean squared and mean absolute error, over all numbers of an output, in float64. */
import { isClassification, meanAccumulator, type MetricDefinition } from "./metric.ts";

function meanOf(measure: (difference: number) => number): MetricDefinition {
  return {
    refuses: ({ loss }) => (isClassification(loss) ? `needs numbers as answers, ${loss.type} has classes` : undefined),
    create: ({ positions, classes }) =>
      meanAccumulator(
        (rows) => rows * positions * classes,
        (outputs, target, count) => {
          let sum = 0;
          if (target.kind !== "numbers") return sum;
          for (let at = 0; at < count; at += 1) sum += measure(outputs[at]! - target.numbers[at]!);
          return sum;
        },
      ),
  };
}

export const meanSquaredError: MetricDefinition = meanOf((difference) => difference * difference);
export const meanAbsoluteError: MetricDefinition = meanOf(Math.abs);
