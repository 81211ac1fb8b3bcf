import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideHandOff } from "./hand-off.ts";
import { assignSlots } from "./slots.ts";

const eight = [1, 2, 3, 4, 5, 6, 7, 8];
const times = (slow: number): Map<number, number> => new Map(eight.map((member) => [member, member === 1 ? slow : 1]));
const owners = assignSlots([], 32, eight);

describe("the hand-off of slots", () => {
  it("leaves a worker that is five times slower one of 32: a step then takes five slots' time, not twenty", () => {
    const decision = decideHandOff({ owners, members: eight, times: times(5) });
    expect(decision).toMatchObject({ kind: "change" });
    expect(decision.counts.get(1)).toBe(1);
    expect([...decision.counts.values()].toSorted((a, b) => a - b)).toEqual([1, 4, 4, 4, 4, 5, 5, 5]);
  });

  it("moves nothing while all are alike, for a little noise, or while nothing is known", () => {
    for (const slow of [1, 1.05])
      expect(decideHandOff({ owners, members: eight, times: times(slow) }).kind).toBe("keep");
    expect(decideHandOff({ owners, members: eight, times: new Map() }).kind).toBe("keep");
  });

  it("gives them back when the worker is as fast as the others again", () => {
    const { counts } = decideHandOff({ owners, members: eight, times: times(5) });
    const moved = assignSlots(owners, 32, eight, counts);
    const decision = decideHandOff({ owners: moved, members: eight, times: times(1) });
    expect(decision.counts.get(1)).toBe(4);
  });

  it("deals every slot, none makes the step longer than an even deal, and the second look changes nothing", () => {
    const speeds = fc.array(fc.double({ min: 0.1, max: 50, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(speeds, fc.integer({ min: 1, max: 64 }), (all, slots) => {
        const members = all.map((_, index) => index);
        const facts = { members, times: new Map(all.entries()) };
        const even = assignSlots([], slots, members);
        const { counts } = decideHandOff({ ...facts, owners: even });
        expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(slots);
        const dealt = assignSlots(even, slots, members, counts);
        const stepOf = (deal: readonly number[]): number =>
          Math.max(...all.map((time, member) => time * deal.filter((owner) => owner === member).length));
        expect(stepOf(dealt)).toBeLessThanOrEqual(stepOf(even) * (1 + 1e-9)); // the search's own hair
        expect(decideHandOff({ ...facts, owners: dealt }).kind).toBe("keep");
      }),
    );
  });
});
