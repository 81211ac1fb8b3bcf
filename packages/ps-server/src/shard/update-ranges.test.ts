import { describe, expect, test } from "vitest";
import { createShardScene } from "../../../../test/support/shard-scene.ts";

describe("the ranges of a shard", () => {
  test("leave frozen values alone and move statistics by the mean, also where the run sums up", async () => {
    const treatments = [
      { kind: "optimizer", weightDecay: null, learningRateScale: 1 },
      { kind: "frozen" },
      { kind: "statistic", rate: 0.5 },
    ] as const;
    const updates = [
      [1, 0],
      [2, 1],
      [3, 2],
    ] as const;
    for (const [aggregation, expected] of [
      ["sum", [-4, 10, 9]],
      ["mean", [-2.5, 10, 8.75]],
    ] as const) {
      const shards = [{ shard: 3, begin: 0, end: 3, updates }];
      const it = await createShardScene(3, { slots: 2, aggregation, shards, treatments });
      await it.initialize([0, 10, 10]);
      it.push(1, { batch: 0, samples: 1, gradient: [1, 1, 1] });
      it.push(2, { batch: 1, samples: 3, gradient: [3, 3, 3] });
      await it.run();
      expect(await it.values()).toEqual(expected);
      await it.close();
      expect(it.failures).toEqual([]);
    }
  });
});
