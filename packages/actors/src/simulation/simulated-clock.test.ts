import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSimulatedClock } from "./simulated-clock.ts";

describe("simulated clock", () => {
  it("fires timers in the order of their times, then of their setting, at their times; cancelled ones never", () => {
    const timers = fc.array(fc.record({ delay: fc.nat(50), isCancelled: fc.boolean() }), { maxLength: 300 });
    fc.assert(
      fc.property(timers, fc.array(fc.nat(20), { maxLength: 10 }), (plan, steps) => {
        const clock = createSimulatedClock(100);
        const fired: { index: number; at: number }[] = [];
        const set = plan.map(({ delay }, index) => clock.after(delay, () => fired.push({ index, at: clock.now() })));
        for (const [index, { isCancelled }] of plan.entries()) if (isCancelled) set[index]?.cancel();
        for (const step of steps) clock.advance(step);
        clock.runUntilIdle();
        const expected = plan
          .map(({ delay, isCancelled }, index) => ({ index, at: 100 + delay, isCancelled }))
          .filter((timer) => !timer.isCancelled)
          .toSorted((a, b) => a.at - b.at || a.index - b.index)
          .map(({ index, at }) => ({ index, at }));
        expect(fired).toEqual(expected);
        expect([clock.pending, clock.nextAt]).toEqual([0, undefined]);
      }),
    );
  });

  it("fires on the way what a timer sets for within the advance", () => {
    const clock = createSimulatedClock();
    const times: number[] = [];
    const tick = (): void => {
      times.push(clock.now());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    clock.advance(35);
    expect(times).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(35);
    expect(() => clock.runUntilIdle(100)).toThrow(RangeError);
  });

  it("refuses to go back", () => {
    const clock = createSimulatedClock();
    expect(() => {
      clock.advance(-1);
    }).toThrow(RangeError);
    expect(() => clock.after(Number.NaN, () => undefined)).toThrow(RangeError);
  });
});
