/** All metrics by their names. */
import { areaUnderCurve } from "./area-under-curve.ts";
import { meanAbsoluteError, meanSquaredError } from "./deviation.ts";
import { logLoss, perplexity } from "./likelihood.ts";
import type { MeasuredOutput, MetricDefinition } from "./metric.ts";
import { topK } from "./right-answers.ts";

const metrics: Readonly<Record<string, MetricDefinition>> = {
  accuracy: topK(1),
  auc: areaUnderCurve,
  log_loss: logLoss,
  perplexity,
  mean_squared_error: meanSquaredError,
  mean_absolute_error: meanAbsoluteError,
};

/** For messages. */
export const metricNames: string = [...Object.keys(metrics), "top_K (such as top_5)"].join(", ");

/** @returns undefined when there is no metric of this name */
export function metricOf(name: string): MetricDefinition | undefined {
  const k = /^top_([1-9]\d{0,6})$/.exec(name)?.[1];
  if (k !== undefined) return topK(Number(k));
  return Object.hasOwn(metrics, name) ? metrics[name] : undefined;
}

/** What is measured where a job does not say. */
export function defaultMetrics({ loss, positions, classes }: MeasuredOutput): readonly string[] {
  switch (loss.type) {
    case "softmax_cross_entropy":
      if (positions > 1) return ["accuracy", "perplexity"];
      return classes === 2 ? ["accuracy", "auc"] : ["accuracy"];
    case "binary_cross_entropy":
      return ["accuracy", "auc"];
    case "distillation":
      return ["accuracy"];
    case "mean_squared_error":
    case "huber":
      return ["mean_squared_error", "mean_absolute_error"];
  }
}
