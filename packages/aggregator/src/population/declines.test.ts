import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDeclines, leastRestMs, mostRestMs, restMs } from "./declines.ts";

describe("a client that declines", () => {
  it("rests twice as long each time, up to a bound", () => {
    const times = Array.from({ length: 12 }, (_, before) => before + 1);
    const bounded = [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600].map((seconds) => seconds * 1_000);
    expect(times.map(restMs)).toEqual(bounded);
    expect([restMs(1), restMs(1_000_000)]).toEqual([leastRestMs, mostRestMs]);
  });

  it("begins anew when it has taken part, and when it was long ago", () => {
    const declines = createDeclines(10);
    for (let now = 0; now < 3; now += 1) declines.add("a", 0);
    expect(declines.endOf("a")).toBe(8_000);
    declines.forget("a");
    expect([declines.rests("a"), declines.nextMs]).toEqual([false, undefined]);
    declines.add("a", 10_000);
    expect(declines.endOf("a")).toBe(12_000);
    expect(declines.release(12_000 + mostRestMs)).toEqual(["a"]);
    declines.add("a", 700_000);
    expect(declines.endOf("a")).toBe(704_000);
    declines.release(704_001 + mostRestMs);
    expect(declines.endOf("a")).toBeUndefined();
  });

  it("is remembered as long as there is room: the oldest is forgotten", () => {
    const declines = createDeclines(2);
    expect([declines.add("a", 0), declines.add("b", 0), declines.add("a", 1), declines.add("c", 2)]).toEqual([
      ...[undefined, undefined, undefined, "b"],
    ]);
    expect(["a", "b", "c"].map(declines.rests)).toEqual([true, false, true]);
  });
});

describe("clients that decline", () => {
  it("come back when their own rests are over, in any history", () => {
    const event = fc.record({
      kind: fc.constantFrom("add", "add", "add", "forget", "release"),
      client: fc.constantFrom("a", "b", "c", "d"),
      afterMs: fc.integer({ min: 0, max: 9_000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const declines = createDeclines(4);
        const plain = new Map<string, { times: number; untilMs: number; rests: boolean }>();
        let now = 0;
        for (const { kind, client, afterMs } of events) {
          now += afterMs;
          if (kind === "add") {
            const times = (plain.get(client)?.times ?? 0) + 1;
            plain.set(client, { times, untilMs: now + restMs(times), rests: true });
            declines.add(client, now);
          } else if (kind === "forget") {
            plain.delete(client);
            declines.forget(client);
          } else {
            const over = [...plain].filter(([, { untilMs, rests }]) => rests && untilMs <= now);
            expect([...declines.release(now)].toSorted()).toEqual(over.map(([each]) => each).toSorted());
            for (const [, each] of over) each.rests = false;
          }
          const resting = [...plain].filter(([, { rests }]) => rests);
          expect(declines.nextMs ?? Infinity).toBe(Math.min(...resting.map(([, { untilMs }]) => untilMs)));
          for (const each of ["a", "b", "c", "d"]) expect(declines.rests(each)).toBe(plain.get(each)?.rests === true);
        }
      }),
    );
  });
});
