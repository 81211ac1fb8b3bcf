import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultShards, placeShards } from "./placement.ts";

const server = (member: number): { member: number; name: string; endpoint: string } => ({
  member,
  name: `server-${member}`,
  endpoint: `127.0.0.1:${7000 + member}`,
});

describe("placement", () => {
  it("deals two ranges to each server in turn", () => {
    const { term, shards } = placeShards(64, null, null, [server(2), server(1)], 7);
    expect(term).toBe(7);
    expect(shards.map(({ shard, begin, end, node }) => [shard, begin, end, node])).toEqual([
      [0, 0, 16, "server-1"],
      [1, 16, 32, "server-2"],
      [2, 32, 48, "server-1"],
      [3, 48, 64, "server-2"],
    ]);
    expect(shards[1]?.endpoint).toBe("127.0.0.1:7002");
  });

  it("cuts large models into ranges of about 2 MiB, of which a server has at most 16", () => {
    const mebi = 2 ** 20;
    expect([1, mebi / 4, mebi, 4 * mebi + 1, 100 * mebi].map((keys) => defaultShards(keys, 1))).toEqual([
      2, 2, 2, 9, 16,
    ]);
    expect(defaultShards(100 * mebi, 4)).toBe(64);
    expect(defaultShards(1000, 4)).toBe(8);
  });

  it("leaves servers out when the vector is too short for all", () => {
    const nodes = placeShards(10, null, null, [server(1), server(2)], 1).shards.map((shard) => shard.node);
    expect(nodes).toEqual(["server-1"]);
  });

  it("covers every key once, in order, balanced, and the same whatever order the servers come in", () => {
    const members = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.option(fc.integer({ min: 1, max: 40 })),
        members,
        (size, shards, ids) => {
          const placement = placeShards(size, shards, null, ids.map(server), 1);
          expect(placeShards(size, shards, null, ids.toReversed().map(server), 1)).toEqual(placement);
          let next = 0;
          const keys = new Map(ids.map((id) => [`server-${id}`, 0]));
          for (const [index, shard] of placement.shards.entries()) {
            expect([shard.shard, shard.begin]).toEqual([index, next]);
            next = shard.end;
            keys.set(shard.node, (keys.get(shard.node) ?? 0) + shard.end - shard.begin);
          }
          expect(next).toBe(size);
          // No server has more than one range above another.
          const largest = Math.max(...placement.shards.map((shard) => shard.end - shard.begin));
          expect(Math.max(...keys.values()) - Math.min(...keys.values())).toBeLessThanOrEqual(largest);
        },
      ),
    );
  });

  it("needs a server", () => {
    expect(() => placeShards(10, null, null, [], 1)).toThrow(RangeError);
  });
});
