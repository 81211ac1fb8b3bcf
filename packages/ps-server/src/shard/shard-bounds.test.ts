import type { PullReply, PushReply, Refusal } from "@shoal/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { createShardScene, membersOf, runName, type ShardScene } from "../../../../test/support/shard-scene.ts";
import { maximumRequestsPerSlot } from "./barrier.ts";
import { maximumWaits } from "./waits.ts";
import { shardCapacity } from "./shard.ts";

const scenes: ShardScene[] = [];

async function scene(...args: Parameters<typeof createShardScene>): Promise<ShardScene> {
  const created = await createShardScene(...args);
  scenes.push(created);
  return created;
}

afterEach(async () => {
  for (const { close, failures } of scenes.splice(0)) {
    await close();
    expect(failures).toEqual([]);
  }
});

const codeOf = (reply: PushReply | PullReply | Refusal | undefined): string | undefined =>
  reply?.type === "refused" ? reply.error.code : reply?.type;

describe("bounds of a shard", () => {
  test("whoever takes no part may read, and costs no memory", async () => {
    const it = await scene(64, {
      consistency: { mode: "asynchronous" },
      staleness: { compensation: { name: "adaptive", lambda: 2 } },
      encoding: { push: { name: "float32" }, pull: { name: "int8" } },
    });
    await it.initialize(Array.from({ length: 64 }, () => 1));
    it.pull(1, 0);
    await it.run();
    const before = it.memory.allocatedBytes;
    const pulls = Array.from({ length: 20 }, (_, reader) => it.pull(100 + reader, 0));
    await it.run();
    expect(pulls.every((pull) => pull.values()?.[63] === 1)).toBe(true);
    expect(it.memory.allocatedBytes).toBe(before);
  });

  test.each([
    ["a mean over samples", {}, { samples: 64, gradient: [1e37, 0] }],
    ["a sum", { aggregation: "sum" }, { gradient: [3e38, 0] }],
    ["a buffer", { consistency: { mode: "asynchronous", buffer: 2 } }, { gradient: [3e38, 0] }],
  ] as const)(
    "magnitudes that %s cannot hold are refused, and their sender is named",
    async (_what, hosting, input) => {
      const it = await scene(2, { slots: 2, ...hosting });
      await it.initialize([1, 2]);
      const push = it.push(1, { batch: 0, ...input });
      await it.run();
      expect(push.reply()).toMatchObject({ error: { code: "not_finite", details: { worker: "worker-1", batch: 0 } } });
      expect(await it.values()).toEqual([1, 2]);
    },
  );

  test("requests that may wait: one more is refused, and the others go on waiting", async () => {
    const it = await scene(1);
    const pulls = [];
    for (let count = 0; count <= maximumWaits; count += 1) {
      if (count % shardCapacity === 0) await it.run();
      pulls.push(it.pull(1, 0, 60_000));
    }
    await it.run();
    expect(codeOf(pulls.at(-1)?.reply())).toBe("mailbox_full");
    expect((await it.describe()).waits).toHaveLength(maximumWaits);
    await it.initialize([7]);
    expect(pulls.filter((pull) => pull.values()?.[0] === 7)).toHaveLength(maximumWaits);
  });

  test("messages that may wait: the sender of one more is told", async () => {
    const it = await scene(1);
    for (let count = 0; count < shardCapacity; count += 1) it.pull(1, 0);
    expect(() => it.pull(1, 0)).toThrow(/mailbox_full/);
  });

  test("workers that may wait for one slot: one more is refused and may come again", async () => {
    const numbers = Array.from({ length: maximumRequestsPerSlot + 2 }, (_, index) => index + 1);
    const it = await scene(1, { slots: 2, members: membersOf(1, ...numbers) });
    await it.initialize([0]);
    const pushes = numbers.slice(0, -1).map((worker) => it.push(worker, { batch: 1, gradient: [-3] }));
    await it.run();
    const refused = pushes.at(-1);
    expect([codeOf(refused?.reply()), refused?.releases()]).toEqual(["mailbox_full", 1]);
    // Of the waiting ones only the newest gradient is still borrowed.
    expect(pushes.reduce((sum, { releases }) => sum + releases(), 0)).toBe(maximumRequestsPerSlot);
    it.push(numbers.at(-1) ?? 0, { batch: 0, gradient: [-1] });
    await it.run();
    const told = pushes.slice(0, -1).map((push) => codeOf(push.reply()));
    expect(told.filter((type) => type === "push_applied")).toHaveLength(1);
    expect(told.filter((type) => type === "push_duplicate")).toHaveLength(maximumRequestsPerSlot - 1);
    expect(await it.values()).toEqual([2]);
  });
});

describe("contributions without a batch", () => {
  test("keep the slot they wait in when the places of the members move", async () => {
    const it = await scene(1, { slots: 3, members: membersOf(1, 1, 2, 3) });
    await it.initialize([0]);
    it.push(2, { gradient: [-6], sequence: 1 });
    await it.run();
    it.host.updateMembers(runName, membersOf(2, 2, 3));
    await it.run();
    const again = it.push(2, { gradient: [-6], sequence: 1 });
    await it.run();
    expect(again.reply()).toBeUndefined();
    it.host.updateMembers(runName, membersOf(3, 1, 2, 3));
    it.push(1, { gradient: [-6] });
    it.push(3, { gradient: [-6] });
    await it.run();
    expect(again.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(await it.values()).toEqual([6]);
  });
});

describe("a shard that ends", () => {
  test("gives back what it borrowed and answers all who wait", async () => {
    const it = await scene(1, { slots: 3 });
    await it.initialize([0]);
    const folded = it.push(1, { batch: 0, gradient: [1] });
    const staged = it.push(2, { batch: 2, gradient: [1] });
    const pull = it.pull(1, 1);
    await it.run();
    const released = it.host.release(runName);
    await it.run();
    await released;
    expect([folded.releases(), staged.releases()]).toEqual([1, 1]);
    for (const { reply } of [folded, staged, pull]) expect(codeOf(reply())).toBe("unknown_shard");
  });
});
