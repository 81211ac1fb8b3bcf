/** Measures the whole test split: loss, right answers and the job's metrics. */
import { ShoalError } from "@shoal/errors";
import type { Offset } from "@shoal/kernels-wasm";
import { createMetrics, type BatchFiller, type Plan } from "@shoal/models";
import type { TestResult } from "@shoal/protocol";

export interface TestEvaluationOptions {
  readonly plan: Plan;
  /** Of the test split. */
  readonly filler: BatchFiller;
  /** The same with teachers' logits as targets; what is right is what the data says. */
  readonly taughtFiller: BatchFiller;
  /** Samples of the test split. */
  readonly count: number;
  readonly memory: WebAssembly.Memory;
  /** Names; null: those that suit the model's losses. */
  readonly metrics: readonly string[] | null;
}

/** @returns a function of the parameters' offset; it throws ShoalError not_finite */
export function createTestEvaluation(options: TestEvaluationOptions): (parameters: Offset) => TestResult {
  const { plan, filler, taughtFiller, count, memory } = options;
  const order = Uint32Array.from({ length: count }, (_, position) => position);
  return (parameters) => {
    const metrics = createMetrics(plan.spec, options.metrics);
    let lossSum = 0;
    for (let begin = 0; begin < count; begin += plan.batchSize) {
      const end = Math.min(count, begin + plan.batchSize);
      const rows = taughtFiller.fill(order, begin, end);
      lossSum += plan.evaluate(parameters, rows);
      const outputs = outputsOf(plan, memory, rows, taughtFiller !== filler);
      if (taughtFiller !== filler) filler.fill(order, begin, end);
      metrics.add(outputs, plan.targets, rows);
    }
    if (!Number.isFinite(lossSum)) {
      throw new ShoalError(
        "not_finite",
        "the loss of the test split is not a finite number: training has diverged, lower the learning rate",
      );
    }
    return { accuracy: metrics.accuracy(), loss: lossSum / count, metrics: metrics.values() };
  };
}

/** What the plan computed last: views, or copies that outlive the next filling. */
function outputsOf(
  { outputs }: Plan,
  { buffer }: WebAssembly.Memory,
  rows: number,
  copies: boolean,
): Readonly<Record<string, Float32Array>> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { offset, shape }]) => {
      const view = new Float32Array(buffer, offset, rows * shape.reduce((product, size) => product * size, 1));
      return [name, copies ? view.slice() : view];
    }),
  );
}
