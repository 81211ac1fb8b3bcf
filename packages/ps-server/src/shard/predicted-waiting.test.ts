import { describe, expect, it } from "vitest";
import { createArrivalTimes, decideWaiting } from "./predicted-waiting.ts";

describe("the decision to wait for the rest of a step", () => {
  it("closes a step when the missing contribution is usually five times later than the others", () => {
    const decision = decideWaiting({ elapsedMs: 100, slots: 8, arrived: 7, missing: [500] });
    expect(decision).toEqual({ kind: "close", reason: "7 of 8 are there, the next is expected in 400.0 ms" });
  });

  it("waits for a contribution that comes a moment later", () => {
    // 7/15 in 100 ms are 4.67 a second, 8/16 in 104 ms are 4.81.
    expect(decideWaiting({ elapsedMs: 100, slots: 8, arrived: 7, missing: [104] })).toMatchObject({
      kind: "wait",
      lookAgainMs: 4,
    });
    // 8/16 in 108 ms are 4.63.
    expect(decideWaiting({ elapsedMs: 100, slots: 8, arrived: 7, missing: [108] }).kind).toBe("close");
  });

  it("looks past the next contribution to all that come soon", () => {
    const missing = [130, 131, 132, 133];
    expect(decideWaiting({ elapsedMs: 100, slots: 8, arrived: 4, missing }).kind).toBe("wait");
    expect(decideWaiting({ elapsedMs: 100, slots: 8, arrived: 4, missing: [130, 400, 400, 400] }).kind).toBe("close");
  });

  it("takes a contribution that is overdue for later still, and looks again and again", () => {
    const at = (elapsedMs: number) => decideWaiting({ elapsedMs, slots: 2, arrived: 1, missing: [100] });
    // 1/3 now against 1/2 at 2t − 100: even at t = 200.
    expect(at(150)).toMatchObject({ kind: "wait", lookAgainMs: 15 });
    expect(at(199).kind).toBe("wait");
    expect(at(201).kind).toBe("close");
  });

  it("waits while less than half of the step is there, and while nothing is known of a missing slot", () => {
    expect(decideWaiting({ elapsedMs: 100, slots: 8, arrived: 3, missing: [900, 900, 900, 900, 900] }).kind).toBe(
      "wait",
    );
    expect(decideWaiting({ elapsedMs: 100, slots: 8, arrived: 7, missing: [undefined] })).toMatchObject({
      kind: "wait",
      lookAgainMs: undefined,
    });
    expect(decideWaiting({ elapsedMs: 0, slots: 2, arrived: 1, missing: [5] }).kind).toBe("wait");
  });
});

describe("the times of arrival", () => {
  it("are means from the opening of each step, known after three", () => {
    const times = createArrivalTimes();
    for (const [step, after] of [10, 20, 20].entries()) {
      times.opened(step, 1000 * step);
      expect(times.usual(0)).toBeUndefined();
      times.arrived(0, step, 1000 * step + after);
    }
    // 10, then 13, then 15.1.
    expect(times.usual(0)).toBeCloseTo(15.1, 9);
    expect(times.openedAtMs).toBe(2000);
  });

  it("count a contribution that comes when its step is over, and forget steps that are long gone", () => {
    const times = createArrivalTimes();
    for (let step = 0; step < 300; step += 1) times.opened(step, step);
    for (const step of [0, 1, 2]) times.arrived(1, step, 300);
    expect(times.usual(1)).toBeUndefined();
    for (const step of [290, 290, 290]) times.arrived(1, step, 300);
    expect(times.usual(1)).toBe(10);
  });
});
