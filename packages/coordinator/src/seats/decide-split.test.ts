import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSplit, type CutPlaces, type SplitShard } from "./decide-split.ts";

const anywhere = (): CutPlaces => ({ cuts: null, rows: [] });

/** Shards of these sizes, one behind the other; each weighs its part of all weights. */
function shardsOf(parts: readonly { readonly keys: number; readonly weight: number }[]): readonly SplitShard[] {
  const all = parts.reduce((sum, { weight }) => sum + weight, 0);
  let begin = 0;
  return parts.map(({ keys, weight }, shard) => {
    begin += keys;
    return { shard, begin: begin - keys, end: begin, weight: weight / all };
  });
}

describe("splitting hot ranges", () => {
  it("leaves ranges alone that are no hotter than a server's fair share", () => {
    const shards = shardsOf([1, 1, 1, 1].map((weight) => ({ keys: 10_000, weight })));
    expect(decideSplit({ shards, servers: 4, holders: 1, places: anywhere }).kind).toBe("keep");
    // With a copy of each the fair share is twice as large.
    expect(decideSplit({ shards, servers: 7, holders: 2, places: anywhere }).kind).toBe("keep");
    expect(decideSplit({ shards, servers: 7, holders: 1, places: anywhere }).kind).toBe("split");
  });

  it("cuts a hot range into parts that no server is too small for, and leaves the others as they are", () => {
    const shards = shardsOf([
      { keys: 8192, weight: 1 },
      { keys: 65_536, weight: 8 },
      { keys: 8192, weight: 1 },
    ]);
    const decision = decideSplit({ shards, servers: 2, holders: 1, places: anywhere });
    if (decision.kind !== "split") throw new Error(decision.reason);
    expect(decision.ranges[0]).toEqual({ begin: 0, end: 8192 });
    expect(decision.ranges.at(-1)).toEqual({ begin: 73_728, end: 81_920 });
    // 0.8 of the load in parts of a quarter of 0.5 at most.
    expect(decision.ranges.length).toBe(2 + 7);
    expect(decision.reason).toContain("keys 8192 to 73728 (1.6 shares)");
  });

  it("cuts between rows of a table, and between parameters only where it has to", () => {
    const [table] = shardsOf([{ keys: 6400, weight: 1 }]);
    if (table === undefined) throw new Error("there is one");
    const rows = [{ offset: 0, length: 6400, columns: 64 }];
    const facts = { shards: [table], servers: 2, holders: 1 };
    const byRows = decideSplit({ ...facts, places: () => ({ cuts: null, rows }) });
    if (byRows.kind !== "split") throw new Error(byRows.reason);
    expect(byRows.ranges.map(({ begin }) => begin % 64)).toEqual(byRows.ranges.map(() => 0));
    expect(decideSplit({ ...facts, places: () => ({ cuts: [], rows }) }).kind).toBe("stuck");
    const between = decideSplit({ ...facts, places: () => ({ cuts: [1000, 5000], rows }) });
    if (between.kind !== "split") throw new Error(between.reason);
    expect(between.ranges.map(({ end }) => end)).toEqual([1000, 5000, 6400]);
  });

  it("covers every key once, in order, with no more ranges than streams have room for", () => {
    const part = fc.record({
      keys: fc.integer({ min: 1, max: 200_000 }),
      weight: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    });
    const facts = fc.record({
      parts: fc.array(part, { minLength: 1, maxLength: 32 }),
      servers: fc.integer({ min: 2, max: 16 }),
      holders: fc.integer({ min: 1, max: 2 }),
      columns: fc.integer({ min: 2, max: 512 }),
      isLayerwise: fc.boolean(),
    });
    fc.assert(
      fc.property(facts, ({ parts, servers, holders, columns, isLayerwise }) => {
        const shards = shardsOf(parts);
        const size = shards.at(-1)?.end ?? 0;
        const cuts = isLayerwise
          ? Array.from({ length: 20 }, (_, index) => Math.floor((size * (index + 1)) / 21))
          : null;
        const places = (): CutPlaces => ({ cuts, rows: [{ offset: 0, length: size, columns }] });
        const decision = decideSplit({ shards, servers, holders, places });
        if (decision.kind !== "split") return;
        const { ranges } = decision;
        expect(ranges[0]?.begin).toBe(0);
        expect(ranges.at(-1)?.end).toBe(size);
        for (const [index, { begin, end }] of ranges.entries()) {
          expect(end).toBeGreaterThan(begin);
          if (index > 0) expect(begin).toBe(ranges[index - 1]?.end);
          // A border is an old one, or where it may be.
          const isOld = shards.some((shard) => shard.begin === begin);
          if (cuts !== null) expect(isOld || cuts.includes(begin)).toBe(true);
        }
        expect(ranges.length).toBeLessThanOrEqual(Math.max(shards.length, 16 * servers));
        for (const { begin, end } of shards) {
          expect(ranges.some((range) => range.begin === begin)).toBe(true);
          expect(ranges.some((range) => range.end === end)).toBe(true);
        }
      }),
    );
  });
});
