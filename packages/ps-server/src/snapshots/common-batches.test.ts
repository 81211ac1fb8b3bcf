import fc from "fast-check";
import { expect, test } from "vitest";
import { intersect } from "./common-batches.ts";

const intervals = fc.uniqueArray(fc.nat(60), { maxLength: 20 }).map((bounds) => {
  const sorted = bounds.toSorted((a, b) => a - b);
  return sorted.slice(0, sorted.length - (sorted.length % 2));
});
const members = (flat: readonly number[]): readonly number[] =>
  Array.from({ length: 61 }, (_, number) => number).filter((number) =>
    flat.some((begin, index) => index % 2 === 0 && begin <= number && number < (flat[index + 1] ?? 0)),
  );

test("batches that two shards have in common are those that each of them has", () => {
  fc.assert(
    fc.property(intervals, intervals, (a, b) => {
      const both = new Set(members(b));
      expect(members(intersect(a, b))).toEqual(members(a).filter((number) => both.has(number)));
    }),
  );
});
