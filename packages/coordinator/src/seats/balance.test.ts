import { createRandom } from "@shoal/actors";
import { describe, expect, it } from "vitest";
import { decideLead, decideMove, loadsOf, weigh, type WeighedShard } from "./balance.ts";

/** Moves until nothing moves any more. */
function balance(shards: readonly WeighedShard[], servers: readonly number[]) {
  let now = shards;
  for (let moves = 0; moves < 1000; moves += 1) {
    const move = decideMove(now, servers);
    if (move === undefined) return { shards: now, moves };
    now = now.map((each) =>
      each.shard === move.shard
        ? { ...each, holders: each.holders.map((holder) => (holder === move.from ? move.to : holder)) }
        : each,
    );
  }
  throw new Error("it goes on moving");
}

function fullestOverMean(shards: readonly WeighedShard[], servers: readonly number[]): number {
  const loads = [...loadsOf(shards, servers).values()];
  return Math.max(...loads) / (loads.reduce((sum, load) => sum + load, 0) / loads.length);
}

const servers = [1, 2, 3, 4];

/** Traffic of rank k is in proportion to k^-1.1. */
const zipf = (count: number, holdersOf: (shard: number) => readonly number[]): readonly WeighedShard[] =>
  weigh(
    Array.from({ length: count }, (_, shard) => {
      return { shard, keys: 1000, traffic: (shard + 1) ** -1.1, holders: holdersOf(shard) };
    }),
  );

describe("balancing", () => {
  it.each([32, 64, 256])("brings Zipf(1.1) traffic over %i shards to at most 1.2 times the mean", (count) => {
    const dealt = zipf(count, (shard) => [servers[Math.floor((shard * 4) / count)] ?? 1]);
    expect(fullestOverMean(dealt, servers)).toBeGreaterThan(1.4);
    expect(fullestOverMean(balance(dealt, servers).shards, servers)).toBeLessThanOrEqual(1.2);
  });

  it("does so with two copies of each shard, and never puts both on one server", () => {
    const dealt = zipf(64, (shard) => [shard < 32 ? 1 : 2, 3]);
    const { shards } = balance(dealt, servers);
    expect(fullestOverMean(shards, servers)).toBeLessThanOrEqual(1.2);
    for (const { holders } of shards) expect(new Set(holders).size).toBe(2);
  });

  it("fills a server that joins, with few moves", () => {
    const dealt = zipf(64, (shard) => [(shard % 4) + 1]);
    const { shards, moves } = balance(dealt, [1, 2, 3, 4, 5]);
    expect(fullestOverMean(shards, [1, 2, 3, 4, 5])).toBeLessThanOrEqual(1.2);
    expect(moves).toBeLessThan(32);
  });

  it("leaves alone what is even enough, and one shard that is too hot for any server", () => {
    const even = weigh([1, 2, 3, 4].map((server) => ({ shard: server, keys: 10, traffic: 1, holders: [server] })));
    expect(decideMove(even, servers)).toBeUndefined();
    expect(decideMove([{ shard: 0, weight: 1, holders: [1] }], servers)).toBeUndefined();
  });

  it("moves nothing back and forth between two servers, whatever roundings are", () => {
    const weights = [0.3333858673664766, 0.3333858673664766, 0.3332282652670469];
    const shards = weights.map((weight, shard) => ({ shard, weight, holders: [shard === 1 ? 2 : 1] }));
    expect(balance(shards, [1, 2]).moves).toBe(0);
  });

  it("ends for any weights and any start", () => {
    const random = createRandom("balance");
    for (let trial = 0; trial < 300; trial += 1) {
      const members = Array.from({ length: 2 + Math.floor(random.uniform() * 6) }, (_, index) => index + 1);
      const shards = weigh(
        Array.from({ length: 1 + Math.floor(random.uniform() * 60) }, (_, shard) => ({
          shard,
          keys: 1 + Math.floor(random.uniform() * 1000),
          traffic: random.uniform() ** 4,
          holders: [members[Math.floor(random.uniform() * members.length)] ?? 1],
        })),
      );
      const before = fullestOverMean(shards, members);
      expect(fullestOverMean(balance(shards, members).shards, members)).toBeLessThanOrEqual(before + 1e-9); // sums of shares
    }
  });
});

describe("spreading primaries", () => {
  /** Swaps until nobody swaps any more. */
  const spread = (shards: readonly WeighedShard[], members: readonly number[]) => {
    let now = shards;
    for (let swaps = 0; swaps < 1000; swaps += 1) {
      const lead = decideLead(now, members);
      if (lead === undefined) return { shards: now, swaps };
      now = now.map((each) => {
        if (each.shard !== lead.shard) return each;
        expect(each.holders[0]).toBe(lead.from);
        expect(each.holders).toContain(lead.to);
        return { ...each, holders: [lead.to, ...each.holders.filter((holder) => holder !== lead.to)] };
      });
    }
    throw new Error("it goes on swapping");
  };
  const ledOnly = (shards: readonly WeighedShard[]) =>
    shards.map((shard) => ({ ...shard, holders: shard.holders.slice(0, 1) }));

  it("gives each server its part of the leads after one server has taken over all of them", () => {
    const piledUp = zipf(64, (shard) => [1, 2 + (shard % 3)]);
    const { shards, swaps } = spread(piledUp, servers);
    expect(fullestOverMean(ledOnly(shards), servers)).toBeLessThanOrEqual(1.2);
    expect(swaps).toBeLessThan(64);
    for (const [index, { holders }] of shards.entries()) {
      expect(new Set(holders)).toEqual(new Set(piledUp[index]?.holders)); // no copy moves
    }
  });

  it("leaves leads alone that are even enough, and shards without copies", () => {
    expect(
      decideLead(
        zipf(64, () => [1]),
        servers,
      ),
    ).toBeUndefined();
    const even = weigh([1, 2].map((shard) => ({ shard, keys: 1, traffic: 1, holders: [shard, 3 - shard] })));
    expect(decideLead(even, [1, 2])).toBeUndefined();
    // Three of one weight on two servers: whoever has two of them, nobody gains by a swap.
    const three = weigh([1, 1, 2].map((lead, shard) => ({ shard, keys: 1, traffic: 1, holders: [lead, 3 - lead] })));
    expect(decideLead(three, [1, 2])).toBeUndefined();
  });
});
