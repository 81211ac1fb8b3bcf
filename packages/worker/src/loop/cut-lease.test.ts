import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutLease } from "./cut-lease.ts";

describe("the iterations of a lease", () => {
  it("are single batches, unless more are said", () => {
    expect(cutLease({ begin: 3, end: 5 }, 1, 100)).toEqual([
      { begin: 3, end: 4 },
      { begin: 4, end: 5 },
    ]);
  });

  it("keep a fraction as an average", () => {
    const lengths = cutLease({ begin: 0, end: 16 }, 1.6, 100).map(({ begin, end }) => end - begin);
    expect(lengths).toHaveLength(10);
    expect(new Set(lengths)).toEqual(new Set([1, 2]));
  });

  it("cover the lease once, and none goes over the end of an epoch", () => {
    const place = fc.tuple(
      fc.nat(50),
      fc.nat(50),
      fc.double({ min: 1, max: 8, noNaN: true }),
      fc.integer({ min: 1, max: 20 }),
    );
    fc.assert(
      fc.property(place, ([begin, length, perIteration, epoch]) => {
        let next = begin;
        for (const each of cutLease({ begin, end: begin + length }, perIteration, epoch)) {
          expect(each.begin).toBe(next);
          expect(each.end).toBeGreaterThan(each.begin);
          expect(Math.floor((each.end - 1) / epoch)).toBe(Math.floor(each.begin / epoch));
          next = each.end;
        }
        expect(next).toBe(begin + length);
      }),
    );
  });
});
