import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBatchRanges } from "./batch-ranges.ts";

describe("batch ranges", () => {
  it("hold exactly what was added, in as few ranges as possible", () => {
    const range = fc.tuple(fc.nat(60), fc.nat(12)).map(([begin, length]) => ({ begin, end: begin + length }));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), (added) => {
        const ranges = createBatchRanges();
        const expected = new Set<number>();
        for (const each of added) {
          ranges.add(each);
          for (let batch = each.begin; batch < each.end; batch += 1) expected.add(batch);
        }
        const taken = ranges.take(1000);
        const held = taken.flatMap(({ begin, end }) =>
          Array.from({ length: end - begin }, (_, index) => begin + index),
        );
        expect(held).toEqual([...expected].toSorted((a, b) => a - b));
        for (const [index, { begin }] of taken.entries()) {
          if (index > 0) expect(begin).toBeGreaterThan(taken[index - 1]?.end ?? Infinity);
        }
        expect(ranges.size).toBe(0);
      }),
    );
  });

  it("give the lowest first, as many as asked for", () => {
    const ranges = createBatchRanges();
    for (const begin of [8, 0, 4]) ranges.add({ begin, end: begin + 1 });
    expect(ranges.take(2)).toEqual([
      { begin: 0, end: 1 },
      { begin: 4, end: 5 },
    ]);
    expect(ranges.size).toBe(1);
  });
});
