/** Gathers the samples of batches into a plan. */
import { ShoalError } from "@shoal/errors";
import type { PlanInput, PlanTarget } from "../plan/plan-inputs.ts";
import { readerOf } from "./column-reader.ts";
import type { Split } from "./dataset.ts";
import { inputFiller, type FillRows } from "./fill-input.ts";
import { targetFiller } from "./fill-target.ts";
import { pairNames } from "./pair-names.ts";
import { noRecords, type OpenRecords } from "./record-reader.ts";

/** What a filler needs of a plan. */
export interface BatchPlace {
  readonly batchSize: number;
  readonly inputs: Readonly<Record<string, PlanInput>>;
  readonly targets: Readonly<Record<string, PlanTarget>>;
}

export interface BatchFiller {
  /**
   * Copies the samples `order[begin … end)` into the plan's inputs and targets.
   * @returns the number of rows, end − begin
   * @throws RangeError when there are more rows than the plan takes; ShoalError data_corrupt for a stored column
   */
  fill(order: Uint32Array, begin: number, end: number): number;
  /** Closes the files of stored columns. */
  close(): void;
}

/**
 * Borrows split and plan until it is closed. Columns and inputs are paired as by `checkDatasetFits`; targets are left
 * alone when the split has none.
 * @param openRecords needed for stored columns only @throws ShoalError invalid_argument when the split does not fit the plan
 */
export function createBatchFiller(split: Split, plan: BatchPlace, openRecords: OpenRecords = noRecords): BatchFiller {
  const closers: (() => void)[] = [];
  const fillers: FillRows[] = [];
  for (const [name, column] of pairNames(Object.keys(plan.inputs), Object.keys(split.inputs))) {
    const found = column === undefined ? undefined : split.inputs[column];
    if (found === undefined) throw missing("input", name, Object.keys(split.inputs));
    fillers.push(inputFiller(readerOf(found, openRecords, closers), () => present(plan.inputs[name], name)));
  }
  const targets = Object.keys(split.targets);
  for (const [name, column] of pairNames(targets.length === 0 ? [] : Object.keys(plan.targets), targets)) {
    const found = column === undefined ? undefined : split.targets[column];
    if (found === undefined) throw missing("target", name, targets);
    fillers.push(targetFiller(readerOf(found, openRecords, closers), () => present(plan.targets[name], name)));
  }
  return {
    fill(order, begin, end) {
      const rows = end - begin;
      if (rows < 0 || rows > plan.batchSize) {
        throw new RangeError(`a batch of ${rows} rows does not fit a plan for ${plan.batchSize}`);
      }
      for (const fillRows of fillers) fillRows(order, begin, rows);
      return rows;
    },
    close() {
      for (const close of closers.splice(0)) close();
    },
  };
}

function missing(what: string, name: string, names: readonly string[]): ShoalError {
  const has = names.join(", ") || "none";
  return new ShoalError("invalid_argument", `the data has no ${what} ${name}; it has ${has}`, { name });
}

function present<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new RangeError(`the plan has no place named ${name} any more`);
  return value;
}
