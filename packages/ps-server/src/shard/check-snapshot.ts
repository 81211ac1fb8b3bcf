/** Checks the progress part of a snapshot, which is plain data from a file or another process. */
import type { ProgressSnapshot } from "./progress.ts";

type Check = (value: unknown, path: string) => void;

const fail = (path: string, expected: string): never => {
  throw new RangeError(`${path} is not ${expected}`);
};

const flag: Check = (value, path) => {
  if (typeof value !== "boolean") fail(path, "true or false");
};
const count: Check = (value, path) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) fail(path, "a count");
};
const orNull =
  (check: Check): Check =>
  (value, path) => {
    if (value !== null) check(value, path);
  };
const listOf =
  (check: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) fail(path, "a list");
    else for (const [index, item] of (value as readonly unknown[]).entries()) check(item, `${path}[${index}]`);
  };
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, path) => {
    if (typeof value !== "object" || value === null) fail(path, "an object");
    const found = value as Readonly<Record<string, unknown>>;
    for (const [name, check] of Object.entries(fields)) check(found[name], `${path}.${name}`);
  };
const ascending: Check = (value, path) => {
  listOf(count)(value, path);
  const bounds = value as readonly number[];
  if (bounds.length % 2 === 1) fail(path, "a list of pairs");
  if (bounds.some((bound, index) => index > 0 && bound <= (bounds[index - 1] ?? 0))) fail(path, "ascending");
};

const checkProgress = record({
  initialized: flag,
  version: count,
  clocks: listOf(record({ worker: count, incarnation: count, start: count, first: orNull(count), clock: count })),
  filter: listOf(
    record({ worker: count, incarnation: count, contiguous: count, highest: count, counted: listOf(count) }),
  ),
  batches: ascending,
  updates: listOf(
    record({
      version: count,
      contributions: listOf(
        record({
          worker: count,
          incarnation: count,
          clock: count,
          batch: orNull(count),
          baseVersion: count,
          staleness: count,
        }),
      ),
    }),
  ),
  counters: record({ duplicates: count, rejected: count, counted: count, stalenessSum: count, stalenessMax: count }),
});

/** @throws RangeError naming the first wrong field */
export function checkProgressSnapshot(value: unknown): ProgressSnapshot {
  checkProgress(value, "progress");
  return value as ProgressSnapshot;
}
