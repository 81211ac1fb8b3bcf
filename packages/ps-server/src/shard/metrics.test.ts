import { metricDefinitions } from "@shoal/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordMetrics, type RecordedMetrics } from "../../../../test/support/recorded-metrics.ts";
import { createShardScene, membersOf } from "../../../../test/support/shard-scene.ts";

let recorded: RecordedMetrics;
beforeEach(() => {
  recorded = recordMetrics();
});
afterEach(() => recorded.close());

describe("metrics of shards", () => {
  it("count pushes by outcome and tell the staleness of those that counted", async () => {
    const it = await createShardScene(2, { consistency: { mode: "asynchronous" } });
    await it.initialize([0, 0]);
    for (const baseVersion of [0, 0, 0]) it.push(1, { batch: null, baseVersion, gradient: [1, 1] });
    it.push(2, { sequence: 9, baseVersion: 3, gradient: [1, 1] });
    it.push(2, { sequence: 9, baseVersion: 3, gradient: [1, 1] });
    it.push(2, { gradient: [Number.NaN, 1] });
    it.push(7, { gradient: [1, 1] });
    await it.run();
    expect(await recorded.values(metricDefinitions.pushes)).toEqual({
      push_applied: 4,
      push_duplicate: 1,
      not_finite: 1,
      not_a_member: 1,
    });
    const staleness = (await recorded.histograms(metricDefinitions.staleness))[""];
    expect(staleness).toMatchObject({ count: 4, sum: 0 + 1 + 2 + 0, max: 2 });
    expect(staleness?.buckets.counts.slice(0, 4)).toEqual([2, 1, 1, 0]);
    await it.close();
  });

  it("have one apply for each update, in seconds", async () => {
    const it = await createShardScene(2, { slots: 2 });
    await it.initialize([0, 0]);
    it.push(1, { batch: 0, gradient: [1, 1] });
    it.push(2, { batch: 1, gradient: [1, 1] });
    await it.run();
    // The scene's clock stands still within a message.
    expect((await recorded.histograms(metricDefinitions.applyDuration))[""]).toMatchObject({ count: 1, sum: 0 });
    expect(await recorded.descriptor(metricDefinitions.applyDuration)).toMatchObject({ unit: "s" });
    expect((await recorded.histograms(metricDefinitions.staleness))[""]).toMatchObject({ count: 2 });
    await it.close();
  });

  it("follow requests that wait until they are answered, overdue, or their shard is gone", async () => {
    const it = await createShardScene(2, { slots: 3, members: membersOf(1, 1, 2, 3) });
    await it.initialize([0, 0]);
    const waits = () => recorded.values(metricDefinitions.waits);
    it.push(1, { batch: 0, gradient: [1, 1] });
    it.push(2, { batch: 1, gradient: [1, 1] });
    it.pull(1, 1);
    it.pull(2, 1, 100);
    await it.run();
    expect(await waits()).toEqual({ push: 2, pull: 2 });
    await it.run(100);
    expect(await waits()).toEqual({ push: 2, pull: 1 });
    it.push(3, { batch: 2, gradient: [1, 1] });
    await it.run();
    expect(await waits()).toEqual({ push: 0, pull: 0 });
    it.pull(1, 2);
    await it.run();
    expect(await waits()).toEqual({ push: 0, pull: 1 });
    await it.close();
    expect(await waits()).toEqual({ push: 0, pull: 0 });
  });
});
