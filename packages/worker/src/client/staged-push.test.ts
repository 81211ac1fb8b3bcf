import { ShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { createStagedPush, type ShardOutcome, type StagedPush } from "./staged-push.ts";

const begins = [0, 10, 20, 30];

function scene(fails: readonly number[] = []): { readonly push: StagedPush; readonly begun: number[] } {
  const begun: number[] = [];
  const answer = (index: number): Promise<ShardOutcome> => {
    begun.push(index);
    if (fails.includes(index)) return Promise.reject(new ShoalError("transport_lost", `shard ${index} is away`));
    const push = { type: "push_applied", version: index, staleness: 0 } as const;
    return Promise.resolve({ push, pull: { type: "values", version: index } });
  };
  return { push: createStagedPush(begins, answer), begun };
}

describe("a staged push", () => {
  it("begins a shard once, when all of its keys are final, last keys first", async () => {
    const { push, begun } = scene();
    const steps = [35, 21, 20, 25, 5, 0, 0].map((key) => {
      push.begin(key);
      return begun.join("");
    });
    expect(steps).toEqual(["", "3", "32", "32", "321", "3210", "3210"]);
    expect((await push.outcome).pulled).toEqual([0, 1, 2, 3]);
  });

  it("fails with the error of a shard when the others have settled", async () => {
    const { push } = scene([3]);
    push.begin(20);
    push.begin(0);
    await expect(push.outcome).rejects.toThrow("shard 3 is away");
  });

  it("begins no more shards once it was abandoned", async () => {
    const { push, begun } = scene();
    push.begin(20);
    push.abandon(new ShoalError("cancelled", "the computing has ended"));
    push.begin(0);
    await expect(push.outcome).rejects.toThrow("the computing has ended");
    expect(begun).toEqual([3, 2]);
  });
});
