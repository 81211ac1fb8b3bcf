import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDuplicateFilter, maximumLeavers, windowSize } from "./duplicate-filter.ts";

describe("duplicate filter", () => {
  test("recognises a push that counted and remembers the version that holds it", () => {
    const filter = createDuplicateFilter();
    expect(filter.sight(1, 1, 1)).toEqual({ kind: "unseen" });
    filter.settle(1, 1, 1, 42);
    expect(filter.sight(1, 1, 1)).toEqual({ kind: "counted", version: 42 });
    expect(filter.sight(2, 1, 1)).toEqual({ kind: "unseen" });
  });

  test("a newer incarnation starts afresh and fences the older one", () => {
    const filter = createDuplicateFilter();
    filter.settle(1, 1, 1, 10);
    filter.settle(1, 2, 1, 11);
    expect(filter.sight(1, 2, 1)).toEqual({ kind: "counted", version: 11 });
    expect(filter.sight(1, 1, 1)).toEqual({ kind: "older_incarnation", known: 2 });
    filter.settle(1, 1, 5, 12);
    expect(filter.sight(1, 2, 5)).toEqual({ kind: "unseen" });
  });

  test("a push far below the window is a repetition when all before it counted, and refused when that is not known", () => {
    const complete = createDuplicateFilter();
    for (let sequence = 1; sequence <= 3 * windowSize; sequence += 1) complete.settle(1, 1, sequence, sequence);
    expect(complete.sight(1, 1, 5)).toEqual({ kind: "counted", version: undefined });

    const gap = createDuplicateFilter();
    for (let sequence = 2; sequence <= 3 * windowSize; sequence += 1) gap.settle(1, 1, sequence, sequence);
    expect(gap.sight(1, 1, 1)).toEqual({ kind: "below_window", lowest: 2 * windowSize + 1 });
  });

  test("forgets the longest known of those who left when there are too many of them, and nobody else", () => {
    const filter = createDuplicateFilter();
    const leavers = Array.from({ length: maximumLeavers + 2 }, (_, index) => 100 + index);
    for (const worker of [1, ...leavers, 2]) filter.settle(worker, 1, 1, 10);
    filter.retain((worker) => worker < 100);
    expect(filter.snapshot().map(({ worker }) => worker)).toEqual([1, ...leavers.slice(2), 2]);
  });

  test("counts each number once for any order within the window, also across a snapshot", () => {
    const numbers = fc.shuffledSubarray(Array.from({ length: 40 }, (_, index) => index + 1));
    fc.assert(
      fc.property(numbers, fc.nat(40), (sequences, cut) => {
        let filter = createDuplicateFilter();
        for (const [index, sequence] of sequences.entries()) {
          if (index === cut) filter = createDuplicateFilter(filter.snapshot());
          expect(filter.sight(7, 3, sequence).kind).toBe("unseen");
          filter.settle(7, 3, sequence, index);
        }
        for (const [index, sequence] of sequences.entries()) {
          expect(filter.sight(7, 3, sequence)).toEqual({ kind: "counted", version: index });
        }
      }),
    );
  });
});
