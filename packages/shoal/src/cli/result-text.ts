/** Results of the test split in words. */
import type { TestResult } from "@shoal/protocol";

/** Accuracy is a share of right answers; a model whose answers are numbers has none, and is known by its loss. */
function hasAccuracy({ accuracy, metrics }: TestResult): boolean {
  return accuracy > 0 || Object.keys(metrics).some((name) => name === "accuracy" || name.endsWith(".accuracy"));
}

/** As short as possible: `97.12 %`, or `loss 0.1234`. */
export function shortResult(result: TestResult): string {
  return hasAccuracy(result) ? `${(100 * result.accuracy).toFixed(2)} %` : `loss ${result.loss.toFixed(4)}`;
}

/** One line each: what was measured, and how much it is. */
export function resultLines(result: TestResult): readonly (readonly [what: string, value: string])[] {
  const loss = result.loss.toFixed(4);
  const first = hasAccuracy(result)
    ? (["test accuracy", `${(100 * result.accuracy).toFixed(2)} %   (loss ${loss})`] as const)
    : (["test loss", loss] as const);
  const others = Object.entries(result.metrics).filter(([name]) => name !== "accuracy");
  return [first, ...others.map(([name, value]) => [`test ${name}`, formatMetric(value)] as const)];
}

export function formatMetric(value: number): string {
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 ? value.toFixed(4) : value.toPrecision(4);
}
