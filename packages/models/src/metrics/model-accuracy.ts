/** The accuracy of a whole model, by itself: who measures nothing else need not load the other metrics. */
import { modelFaceOf } from "../data/model-face.ts";
import type { PlanTarget } from "../plan/plan-inputs.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import { elementsOf } from "../spec/value-shape.ts";
import type { MeasuredOutput } from "./metric.ts";
import { topK } from "./right-answers.ts";

export interface ModelAccuracy {
  /**
   * Adds a batch. Borrows both.
   * @param outputs by name, [rows, …shape]
   */
  add(
    outputs: Readonly<Record<string, Float32Array>>,
    targets: Readonly<Record<string, PlanTarget>>,
    rows: number,
  ): void;
  /** Share of right answers at the first output that has classes; 0 without one. */
  value(): number;
}

const accuracy = topK(1);

export function createAccuracy(model: ModelSpec): ModelAccuracy {
  const output = measuredOutputs(model).find((each) => accuracy.refuses(each) === undefined);
  const sums = output === undefined ? undefined : accuracy.create(output);
  return {
    add(outputs, targets, rows) {
      if (output === undefined) return;
      const numbers = outputs[output.name];
      const target = targets[output.name];
      if (numbers === undefined || target === undefined) throw new RangeError(`no output is called ${output.name}`);
      sums?.add(numbers, target, rows);
    },
    value: () => sums?.value() ?? 0,
  };
}

export function measuredOutputs(model: ModelSpec): readonly MeasuredOutput[] {
  return Object.entries(modelFaceOf(model).outputs).map(([name, { shape, loss }]) => {
    const classes = shape.at(-1) ?? 1;
    return { name, loss, classes, positions: elementsOf(shape) / classes };
  });
}
