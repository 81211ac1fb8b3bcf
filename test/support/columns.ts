/** The arrays of a split with a single input and a single target, for tests that look into them. */
import type { DenseColumn, LabelColumn, SparseColumn, Split } from "@shoal/models";

export function denseInput(split: Split): DenseColumn {
  const column = split.inputs["input"];
  if (column?.kind !== "dense") throw new Error(`the input is ${column?.kind ?? "missing"}, not dense`);
  return column;
}

export function sparseInput(split: Split): SparseColumn {
  const column = split.inputs["input"];
  if (column?.kind !== "sparse") throw new Error(`the input is ${column?.kind ?? "missing"}, not sparse`);
  return column;
}

export function labelTarget(split: Split): LabelColumn {
  const column = split.targets["output"];
  if (column?.kind !== "labels") throw new Error(`the target is ${column?.kind ?? "missing"}, not labels`);
  return column;
}

export function numberTarget(split: Split): Float32Array {
  const column = split.targets["output"];
  if (column?.kind !== "dense" || !(column.values instanceof Float32Array))
    throw new Error("the target has no numbers");
  return column.values;
}
