/** Gathers the answers of a batch into one target of a plan. */
import type { LabelsTarget, NumbersTarget, PlanTarget } from "../plan/plan-inputs.ts";
import type { ColumnReader } from "./column-reader.ts";
import type { FillRows } from "./fill-input.ts";
import { misfit } from "./misfit.ts";

/**
 * Labels go to labels. A target of numbers takes numbers as they are, a class as 0 or 1 when it is a single number, and
 * as one-hot otherwise. @param target as for `inputFiller`
 */
export function targetFiller(reader: ColumnReader, target: () => PlanTarget): FillRows {
  const first = target();
  if (first.kind === "labels") return labelsFiller(reader, target as () => LabelsTarget, first.length);
  return numbersFiller(reader, target as () => NumbersTarget, first.width);
}

function labelsFiller(reader: ColumnReader, target: () => LabelsTarget, length: number): FillRows {
  if (reader.kind === "tokens" && reader.length === length) {
    return (order, begin, rows) => {
      const { labels } = target();
      for (let row = 0; row < rows; row += 1) reader.read(order[begin + row] ?? 0, labels, row * length);
    };
  }
  if (reader.kind !== "labels" || length !== 1) return misfit(reader, `a target of ${length} labels`);
  return (order, begin, rows) => {
    const { labels } = target();
    for (let row = 0; row < rows; row += 1) labels[row] = reader.read(order[begin + row] ?? 0);
  };
}

function numbersFiller(reader: ColumnReader, target: () => NumbersTarget, width: number): FillRows {
  if (reader.kind === "floats" && reader.width === width) {
    return (order, begin, rows) => {
      const { numbers } = target();
      for (let row = 0; row < rows; row += 1) reader.read(order[begin + row] ?? 0, numbers, row * width);
    };
  }
  if (reader.kind !== "labels") return misfit(reader, `a target of ${width} numbers`);
  return (order, begin, rows) => {
    const { numbers } = target();
    if (width > 1) numbers.fill(0, 0, rows * width);
    for (let row = 0; row < rows; row += 1) {
      const label = reader.read(order[begin + row] ?? 0);
      if (width === 1) numbers[row] = label;
      else numbers[row * width + label] = 1;
    }
  };
}
