import { describe, expect, it } from "vitest";
import { failOverPauses, longestStalls, quantile } from "./fail-over-pauses.ts";
import { seatChanges } from "./seat-changes.ts";

const log = [
  "1970-01-01T00:00:10.000Z run k-1, shard 0: server-2 is filled, because 1 of 1 copy is missing (term 3)",
  "1970-01-01T00:00:20.400Z run k-1, shard 0: server-2 takes over, because server-1 is suspected (term 4)",
  "1970-01-01T00:00:20.400Z run k-1, shard 1: goes on with fewer holders: server-1 is suspected (term 4)",
  "1970-01-01T00:00:20.500Z run k-1, shard 0: server-3 is filled, because 1 of 1 copy is missing (term 5)",
  "1970-01-01T00:00:30.000Z run k-1, shard 2: server-1 takes over, because server-3 has more load (term 6)",
].join("\n");

describe("the pause of a fail-over", () => {
  const changes = seatChanges(log);
  const applied = new Map([
    [0, [19_990, 20_520, 20_530]],
    [1, [20_010, 20_390, 20_450]],
    [2, [20_100, 23_000]],
  ]);

  it("lasts from the kill to the first version that the last of its shards makes under its new seat", () => {
    expect(failOverPauses([{ node: "server-1", atMs: 20_000 }], changes, applied)).toEqual([
      { node: "server-1", atMs: 20_000, takenOver: 1, shards: 2, pauseMs: 520 },
    ]);
  });

  it("is none where a node was killed that held nothing, and none of the next kill's", () => {
    const kills = [
      { node: "server-1", atMs: 20_000 },
      { node: "server-4", atMs: 25_000 },
    ];
    expect(failOverPauses(kills, changes, applied).map(({ node }) => node)).toEqual(["server-1"]);
  });

  it("is no shorter than the longest time that some shard stood still, whoever was killed", () => {
    expect(longestStalls([{ node: "worker-1", atMs: 20_000 }], applied, 3_000)).toEqual([2_900]);
    expect(longestStalls([{ node: "worker-1", atMs: 20_000 }], applied, 50)).toEqual([520]);
  });

  it("has a 99th percentile that one in a hundred is above", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([50, 99, 100]);
  });
});
