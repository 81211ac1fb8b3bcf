import { afterEach, expect, test } from "vitest";
import { createShardScene, type ShardScene } from "../../../../test/support/shard-scene.ts";

const scenes: ShardScene[] = [];

async function scene(buffer: number): Promise<ShardScene> {
  const created = await createShardScene(2, {
    consistency: { mode: "asynchronous", buffer },
    optimizer: { name: "sgd", learningRate: 1 },
    staleness: { weight: { name: "none" } },
  });
  scenes.push(created);
  await created.initialize([0, 0]);
  return created;
}

afterEach(async () => {
  for (const { close, failures } of scenes.splice(0)) {
    await close();
    expect(failures).toEqual([]);
  }
});

async function push(it: ShardScene, batch: number, gradient: readonly number[], sequence?: number) {
  const samples = gradient.length === 0 ? 0 : 1;
  const pending = it.push(1, {
    ...{ clock: batch, batch, baseVersion: 0, samples, gradient },
    ...(sequence === undefined ? {} : { sequence }),
  });
  await it.run();
  expect(pending.releases()).toBe(1);
  return pending.reply();
}

test("a buffered push is acknowledged at once, counts once, and is applied with the others as their mean", async () => {
  const it = await scene(3);
  expect(await push(it, 0, [3, 0])).toEqual({ type: "push_applied", version: 1, staleness: 0 });
  expect(await push(it, 0, [9, 9])).toEqual({ type: "push_duplicate", version: 0, of: "batch" });
  expect(await push(it, 1, [0, 6])).toMatchObject({ type: "push_applied", version: 1 });
  expect(await it.values()).toEqual([0, 0]);
  expect(await it.describe()).toMatchObject({ version: 0, batchesApplied: 2, duplicates: 1 });
  await push(it, 2, [-9, 3]);
  expect(await it.values()).toEqual([2, -3]);
  const { version, updates } = await it.describe();
  expect(version).toBe(1);
  expect(updates.map(({ contributions }) => contributions.map(({ batch }) => batch))).toEqual([[0, 1, 2]]);
});

test("a push without samples fills the buffer and does not thin the mean", async () => {
  const it = await scene(2);
  await push(it, 0, []);
  await push(it, 1, [4, 2]);
  expect(await it.values()).toEqual([-4, -2]);
  await push(it, 2, []);
  await push(it, 3, []);
  expect(await it.describe()).toMatchObject({ version: 2 });
  expect(await it.values()).toEqual([-4, -2]);
});

test("what has been acknowledged is in a snapshot: restored and continued gives the bits of going on", async () => {
  const undisturbed = await scene(3);
  await push(undisturbed, 0, [0.1, 0.2]);
  await push(undisturbed, 1, [0.3, -0.7]);
  const snapshot = structuredClone(await undisturbed.snapshot());
  const restored = await scene(3);
  expect(await restored.restore(snapshot)).toEqual({ type: "restored", version: 0 });
  for (const it of [undisturbed, restored]) await push(it, 2, [1, 0.01], 3);
  expect(await restored.values()).toEqual(await undisturbed.values());
  expect((await restored.describe()).updates).toEqual((await undisturbed.describe()).updates);
});

test("a snapshot without its buffer is refused, and so is one with a fuller buffer", async () => {
  const full = await scene(3);
  await push(full, 0, [1, 1]);
  await push(full, 1, [1, 1]);
  const snapshot = await full.snapshot();
  const small = await scene(2);
  for (const wrong of [snapshot, { ...snapshot, buffer: null }]) {
    expect(await small.restore(wrong)).toMatchObject({ type: "refused", error: { code: "snapshot_corrupt" } });
  }
  expect(await small.values()).toEqual([0, 0]);
});

test("a buffer takes one vector, and gives it back", async () => {
  const it = await scene(3);
  const held = it.memory.allocatedBytes;
  await it.close();
  scenes.length = 0;
  expect(it.memory.allocatedBytes).toBeLessThan(held);
});
