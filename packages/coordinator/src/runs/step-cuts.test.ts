import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSizes, firstCuts, renewCuts, type CutState } from "./step-cuts.ts";

const eight = [1, 2, 3, 4, 5, 6, 7, 8];
const oneSlow = new Map(eight.map((member) => [member, member === 1 ? 0.2 : 1]));

describe("the sizes of a step's slots", () => {
  it("follow the speeds of their owners and sum to the same step", () => {
    const { kind, sizes, reason } = decideSizes({ owners: eight, speeds: oneSlow, previous: eight.map(() => 64) });
    expect(kind).toBe("change");
    // 512 samples at 7.2 a millisecond.
    expect(sizes).toEqual([14, 71, 71, 71, 71, 71, 71, 72]);
    expect(reason).toBe("a step takes 320.0 ms of computing, and would take 72.0 ms");
  });

  it("stay where a new cut would not make a step 2 % shorter", () => {
    const speeds = new Map(eight.map((member) => [member, member === 1 ? 0.97 : 1]));
    const previous = eight.map(() => 64);
    const { kind, sizes } = decideSizes({ owners: eight, speeds, previous });
    expect([kind, sizes]).toEqual(["keep", previous]);
  });

  it("divide the part of a member equally over its slots", () => {
    const speeds = new Map([
      [1, 1],
      [2, 3],
    ]);
    const { sizes } = decideSizes({ owners: [1, 2, 2], speeds, previous: [40, 40, 40] });
    expect(sizes).toEqual([30, 45, 45]);
  });

  it("take the median for a member whose speed is not known, and keep while none is", () => {
    const speeds = new Map([
      [1, 1],
      [2, 4],
      [3, 1],
    ]);
    expect(decideSizes({ owners: [1, 2, 3, 4], speeds, previous: [70, 70, 70, 70] }).sizes).toEqual([40, 160, 40, 40]);
    expect(decideSizes({ owners: [1], speeds: new Map(), previous: [7] })).toMatchObject({ kind: "keep", sizes: [7] });
  });

  it("are at least one sample each, whole, and keep their sum for any speeds", () => {
    const speed = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
    const slots = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 90 })), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(slots, fc.array(speed, { minLength: 6, maxLength: 6 }), (given, speeds) => {
        const previous = given.map(([, size]) => size);
        const owners = given.map(([owner]) => owner);
        const { sizes } = decideSizes({ owners, speeds: new Map(speeds.entries()), previous });
        expect(sizes.every((size) => Number.isInteger(size) && size >= 1)).toBe(true);
        const sum = (list: readonly number[]): number => list.reduce((all, size) => all + size, 0);
        expect(sum(sizes)).toBe(sum(previous));
      }),
    );
  });
});

describe("the announced cuts", () => {
  it("promise more steps when half of the promised ones are done, each cut from a step nobody has begun", () => {
    const first = firstCuts(8, 64, 0);
    expect(renewCuts(first, { owners: eight, speeds: oneSlow, stepsDone: 1 }, 400)).toBe(first);
    const second = renewCuts(first, { owners: eight, speeds: oneSlow, stepsDone: 2 }, 700);
    expect(second.cuts.map(({ fromStep }) => fromStep)).toEqual([0, 4]);
    // 2 steps in 700 ms: 6 in the 2 s that a promise should hold.
    expect(second.until).toBe(10);
    const third = renewCuts(second, { owners: eight, speeds: oneSlow, stepsDone: 7 }, 1500);
    expect(third.cuts.map(({ fromStep }) => fromStep)).toEqual([4]);
  });

  it("never change for a step that has been promised, whatever the speeds", () => {
    const events = fc.array(
      fc.tuple(fc.nat(30), fc.array(fc.double({ min: 0.1, max: 9, noNaN: true }), { minLength: 3, maxLength: 3 })),
    );
    const sizesAt = (state: CutState, step: number): readonly number[] | undefined =>
      state.cuts.findLast(({ fromStep }) => fromStep <= step)?.sizes;
    fc.assert(
      fc.property(events, (history) => {
        let state = firstCuts(3, 20, 0);
        let stepsDone = 0;
        for (const [index, [steps, speeds]] of history.entries()) {
          stepsDone = Math.min(state.until, stepsDone + steps);
          const next = renewCuts(
            state,
            { owners: [0, 1, 2], speeds: new Map(speeds.entries()), stepsDone },
            index * 100,
          );
          for (let step = stepsDone; step < state.until; step += 1)
            expect(sizesAt(next, step)).toEqual(sizesAt(state, step));
          expect(next.cuts.length).toBeLessThanOrEqual(4);
          expect(next.until).toBeGreaterThan(stepsDone);
          state = next;
        }
      }),
    );
  });
});
