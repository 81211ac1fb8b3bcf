import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignSlots } from "./slots.ts";

describe("the slots of a synchronous step", () => {
  it("go to the workers in equal parts, ascending", () => {
    expect(assignSlots([], 5, [3, 1])).toEqual([1, 1, 1, 3, 3]);
    expect(assignSlots([], 2, [1, 2, 3])).toEqual([1, 2]);
  });

  it("stay with their owners when another worker dies or joins", () => {
    expect(assignSlots([1, 2, 3, 4], 4, [1, 2, 4])).toEqual([1, 2, 1, 4]);
    expect(assignSlots([1, 2, 1, 4], 4, [1, 2, 4, 5])).toEqual([1, 2, 5, 4]);
  });

  it("are balanced, all owned, and move as little as balance allows", () => {
    const workers = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), workers, workers, (slots, first, second) => {
        const before = assignSlots([], slots, first);
        const after = assignSlots(before, slots, second);
        expect(assignSlots(after, slots, second)).toEqual(after);
        const held = (owners: readonly number[], worker: number): number =>
          owners.filter((owner) => owner === worker).length;
        const counts = second.map((worker) => held(after, worker));
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(slots);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        // No balanced division keeps more: each worker keeps what it held up to its share, the largest shares
        // going to those that held most.
        const wanted = second.map((worker) => held(before, worker)).toSorted((a, b) => b - a);
        const base = Math.floor(slots / second.length);
        const most = wanted.reduce(
          (sum, count, rank) => sum + Math.min(count, base + (rank < slots % second.length ? 1 : 0)),
          0,
        );
        expect(after.filter((owner, slot) => owner === before[slot]).length).toBe(most);
      }),
    );
  });
});
