import { manifestName, shardObjectName } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { decideRetention, firstMissing, snapshotBefore } from "./retention.ts";
import { attemptOf, nameSnapshot } from "./snapshot-state.ts";

const names = [10, 20, 30, 40].map((step, index) => nameSnapshot(0, step, 1, index + 1));
const [first = "", second = "", third = "", fourth = ""] = names;
const object = (name: string) => ({ name, bytes: 1 });
const whole = (snapshot: string) => [shardObjectName("r", snapshot, 0), manifestName("r", snapshot)].map(object);

describe("names of snapshots", () => {
  it("sort by attempt, then by step", () => {
    const sorted = [nameSnapshot(0, 9, 7, 3), nameSnapshot(0, 10, 1, 1), nameSnapshot(1, 2, 1, 1)];
    expect(sorted.toSorted()).toEqual(sorted);
    expect([attemptOf(sorted[2] ?? ""), attemptOf("latest"), attemptOf("photos")]).toEqual([1, undefined, undefined]);
  });
});

describe("decideRetention", () => {
  it("keeps the newest whole ones, and removes the manifests of others first", () => {
    const objects = [first, second, third].flatMap(whole);
    expect(decideRetention("r", objects, 2)).toEqual({
      whole: [first, second, third],
      remove: [manifestName("r", first), shardObjectName("r", first, 0)],
    });
  });

  it("removes unfinished ones that are older than a whole one, and leaves what may still be written", () => {
    const objects = [object(shardObjectName("r", first, 0)), ...whole(second), object(shardObjectName("r", third, 0))];
    expect(decideRetention("r", objects, 3).remove).toEqual([shardObjectName("r", first, 0)]);
  });

  it("touches nothing that is no snapshot of the run", () => {
    const strange = [
      "r/snapshots/latest",
      "r/snapshots/notes/a",
      "r/model.safetensors",
      shardObjectName("q", first, 0),
    ];
    expect(decideRetention("r", [...strange.map(object), ...whole(fourth)], 1).remove).toEqual([]);
  });
});

describe("a snapshot that is looked up", () => {
  it("is refused by the name of the first object that is missing, short or another's", () => {
    const wanted = [{ name: shardObjectName("r", first, 0), bytes: 7 }];
    expect(firstMissing("r", first, wanted, wanted)).toBeUndefined();
    expect(firstMissing("r", first, wanted, [])).toContain("shard-0 is missing");
    expect(firstMissing("r", first, wanted, [{ ...object(wanted[0]?.name ?? ""), bytes: 6 }])).toContain(
      "6 bytes, not 7",
    );
    expect(firstMissing("r", second, wanted, wanted)).toContain("belongs to another snapshot");
  });

  it("has the one before it offered", () => {
    expect(snapshotBefore(names, third)).toBe(second);
    expect(snapshotBefore(names, first)).toBeUndefined();
  });
});
