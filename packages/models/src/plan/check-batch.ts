/** Kernels trust their arguments: a label, token or index beyond its bound would read or write memory of others. */
import { ShoalError } from "@shoal/errors";
import type { LabelsTarget, PlanInput, PlanTarget, SparseInput } from "./plan-inputs.ts";

/** @throws ShoalError invalid_argument */
export function checkInput(input: PlanInput, rows: number): void {
  if (input.kind === "tokens") {
    const { tokens, length, vocabulary } = input;
    for (let index = 0; index < rows * length; index += 1) {
      const token = tokens[index] ?? -1;
      if (token < 0 || token >= vocabulary) refuse("token", token, Math.floor(index / length), vocabulary);
    }
  } else if (input.kind === "sparse") checkSparse(input, rows);
}

/** @throws ShoalError invalid_argument */
export function checkTarget(target: PlanTarget, rows: number): void {
  if (target.kind === "labels") checkLabels(target, rows);
}

function checkLabels({ labels, length, classes }: LabelsTarget, rows: number): void {
  for (let index = 0; index < rows * length; index += 1) {
    const label = labels[index] ?? -1;
    if (label < 0 || label >= classes) refuse("label", label, Math.floor(index / length), classes);
  }
}

function checkSparse({ rowOffsets, indices, features, active }: SparseInput, rows: number): void {
  let begin = rowOffsets[0] ?? 0;
  if (begin !== 0) refuse("row offset", begin, 0, 1);
  for (let row = 0; row < rows; row += 1) {
    const end = rowOffsets[row + 1] ?? -1;
    if (end < begin || end - begin > active) refuse("number of entries", end - begin, row, active + 1);
    for (let entry = begin; entry < end; entry += 1) {
      const index = indices[entry] ?? -1;
      if (index < 0 || index >= features) refuse("index", index, row, features);
    }
    begin = end;
  }
}

function refuse(what: string, value: number, row: number, bound: number): never {
  throw new ShoalError("invalid_argument", `${what} ${value} of row ${row} is not in [0, ${bound})`, { row, value });
}
