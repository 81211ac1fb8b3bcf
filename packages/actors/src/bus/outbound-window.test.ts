import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createOutboundWindow } from "./outbound-window.ts";

describe("outbound window", () => {
  it("never holds more than its limit, and has room again once the server confirms", async () => {
    const step = fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.constant("confirm" as const));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const limit = 4 * 1024 * 1024;
        const flushes: (() => void)[] = [];
        const flush = (): Promise<void> => new Promise((resolve) => flushes.push(resolve));
        const window = createOutboundWindow({ flush }, limit);
        // What the server would still have to read: everything since the flush before the last confirmed one.
        const unconfirmed: number[] = [];
        const marks: number[] = [];
        for (const action of steps) {
          if (action === "confirm") {
            flushes.shift()?.();
            await Promise.resolve();
            await Promise.resolve();
            unconfirmed.splice(0, marks.shift() ?? 0);
          } else if (window.reserve(action)) unconfirmed.push(action);
          while (marks.length < flushes.length) marks.push(unconfirmed.length);
          expect(flushes.length).toBeLessThanOrEqual(1);
          expect(unconfirmed.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  it("refuses what does not fit until a flush is confirmed", async () => {
    const flush = Promise.withResolvers<void>();
    const window = createOutboundWindow({ flush: () => flush.promise }, 2_000_000);
    expect([window.reserve(1_500_000), window.reserve(500_000), window.reserve(1)]).toEqual([true, true, false]);
    flush.resolve();
    await flush.promise;
    expect(window.reserve(1)).toBe(true);
  });
});
