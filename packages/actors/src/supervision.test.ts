import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSupervision, defaultSupervision, restartsInWindow } from "./supervision.ts";

const decide = (restartedAt: readonly number[], now: number, hasParent = true, jitter = 0) =>
  decideSupervision({ restartedAt, hasParent }, defaultSupervision, jitter, now);

describe("supervision", () => {
  it("restarts with a delay that doubles and is jittered between half and all of it", () => {
    expect(decide([], 0)).toMatchObject({ kind: "restart", delayMs: 50, reason: "restart 1 of 3 within 60000 ms" });
    expect(decide([0], 1)).toMatchObject({ kind: "restart", delayMs: 100 });
    expect(decide([0, 1], 2, true, 0.5)).toMatchObject({ kind: "restart", delayMs: 300 });
  });

  it("escalates when the restarts of the window are used up, and stops what has no parent", () => {
    expect(decide([0, 1, 2], 3)).toEqual({ kind: "escalate", reason: "3 restarts within 60000 ms did not help" });
    expect(decide([0, 1, 2], 3, false)).toMatchObject({ kind: "stop" });
    expect(decide([0, 1, 2], 60_001)).toMatchObject({ kind: "restart" });
  });

  it("does at once what a strategy other than restart says", () => {
    for (const strategy of ["stop", "escalate"] as const) {
      const settings = { ...defaultSupervision, strategy };
      expect(decideSupervision({ restartedAt: [], hasParent: true }, settings, 0, 0).kind).toBe(strategy);
    }
  });

  it("never restarts more often than allowed within any window, nor later than the largest delay", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(20_000), { maxLength: 60 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (gaps, jitter) => {
          let now = 0;
          let restartedAt: readonly number[] = [];
          const all: number[] = [];
          for (const gap of gaps) {
            now += gap;
            const decision = decide(restartedAt, now, true, jitter);
            if (decision.kind !== "restart") continue;
            expect(decision.delayMs).toBeLessThan(defaultSupervision.maximumBackoffMs);
            restartedAt = [...restartsInWindow(restartedAt, defaultSupervision, now), now];
            all.push(now);
          }
          for (const end of all)
            expect(all.filter((at) => at <= end && end - at < 60_000).length).toBeLessThanOrEqual(3);
        },
      ),
    );
  });
});
