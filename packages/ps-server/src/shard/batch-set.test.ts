import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBatchSet } from "./batch-set.ts";

describe("batch set", () => {
  test("behaves as a set of numbers, whatever the order of additions", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 })), (batches) => {
        const expected = new Set(batches);
        const set = createBatchSet();
        for (const batch of batches) set.add(batch);
        expect(set.size).toBe(expected.size);
        for (let batch = 0; batch <= 61; batch += 1) expect(set.has(batch)).toBe(expected.has(batch));
        const within = batches.filter((batch, index) => batch >= 7 && batch < 40 && batches.indexOf(batch) === index);
        expect(set.countIn(7, 33)).toBe(within.length);
      }),
    );
  });

  test("takes neighbours at once, and counts however many it is asked for", () => {
    const set = createBatchSet();
    set.add(4, 8);
    set.add(10, 4);
    expect(set.intervals()).toEqual([4, 14]);
    expect(set.countIn(0, 4_000_000_000)).toBe(10);
  });

  test("keeps the fewest possible intervals", () => {
    const set = createBatchSet();
    for (const batch of [5, 3, 4, 9, 7, 8]) set.add(batch);
    expect(set.intervals()).toEqual([3, 6, 7, 10]);
    set.add(6);
    expect(set.intervals()).toEqual([3, 10]);
  });

  test("is the same set after a journey as plain data", () => {
    const set = createBatchSet(createBatchSet([0, 4, 10, 11]).intervals());
    expect([set.size, set.has(3), set.has(4), set.has(10)]).toEqual([5, true, false, true]);
  });

  test("says when an unconnected number has no room, and still takes those that touch an interval", () => {
    const set = createBatchSet([0, 1, 4, 5], 2);
    expect([set.hasRoomFor(2), set.hasRoomFor(1), set.hasRoomFor(3), set.hasRoomFor(4)]).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(() => set.add(8)).toThrow(RangeError);
  });
});
