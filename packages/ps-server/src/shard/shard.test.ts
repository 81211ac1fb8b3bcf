import type { PushReply, Refusal } from "@shoal/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { createShardScene, membersOf, runName, type ShardScene } from "../../../../test/support/shard-scene.ts";

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

const codeOf = (reply: PushReply | Refusal | undefined): string | undefined =>
  reply?.type === "refused" ? reply.error.code : reply?.type;

describe("synchronous steps", () => {
  test("apply the mean of all slots, weighted by samples, when the last one comes", async () => {
    const it = await scene(2, { slots: 2 });
    await it.initialize([10, 20]);
    const first = it.push(1, { batch: 0, samples: 3, gradient: [1, 2] });
    await it.run();
    expect(first.reply()).toBeUndefined();
    const second = it.push(2, { batch: 1, samples: 1, gradient: [5, 6] });
    await it.run();
    expect(first.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(second.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(await it.values()).toEqual([8, 17]);
  });

  test("apply the plain sum where the run asks for it", async () => {
    const it = await scene(1, { slots: 2, aggregation: "sum" });
    await it.initialize([0]);
    it.push(1, { batch: 0, samples: 3, gradient: [-1] });
    it.push(2, { batch: 1, samples: 9, gradient: [-10] });
    await it.run();
    expect(await it.values()).toEqual([11]);
  });

  test("give a gradient back as soon as it is folded, and keep one that came before its turn", async () => {
    const it = await scene(1, { slots: 3 });
    await it.initialize([0]);
    const last = it.push(1, { batch: 2, gradient: [-3] });
    await it.run();
    expect(last.releases()).toBe(0);
    const first = it.push(2, { batch: 0, gradient: [-3] });
    await it.run();
    expect([first.releases(), last.releases()]).toEqual([1, 0]);
    const middle = it.push(2, { batch: 1, gradient: [-3] });
    await it.run();
    expect([first.releases(), middle.releases(), last.releases()]).toEqual([1, 1, 1]);
    expect(await it.values()).toEqual([3]);
  });

  test("count empty contributions, and a step of nothing else changes the version alone", async () => {
    const it = await scene(1, { slots: 2, optimizer: { name: "adam", learningRate: 1 } });
    await it.initialize([5]);
    it.push(1, { batch: 0, samples: 0 });
    const last = it.push(2, { batch: 1, samples: 0 });
    await it.run();
    expect(last.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(await it.values()).toEqual([5]);
    expect(await it.describe()).toMatchObject({ version: 1, batchesApplied: 2 });
  });

  test("let contributions without a batch fill the slot of their worker", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    it.push(2, { gradient: [-4] });
    it.push(1, { gradient: [-2] });
    await it.run();
    expect(await it.values()).toEqual([3]);
  });

  test("reject a push of a step that is over", async () => {
    const it = await scene(1);
    await it.initialize([0]);
    it.push(1, { batch: 0, gradient: [-1] });
    const late = it.push(2, { batch: 0, gradient: [-1] });
    await it.run();
    expect(late.reply()).toEqual({ type: "push_rejected", reason: "stale_clock", version: 1 });
    expect(late.releases()).toBe(1);
    expect(await it.values()).toEqual([1]);
  });
});

describe("repeated pushes", () => {
  test("are told that they counted, with the version that holds them", async () => {
    const it = await scene(1);
    await it.initialize([0]);
    it.push(1, { batch: 0, gradient: [-1] });
    it.push(1, { batch: 1, clock: 1, gradient: [-1] });
    const again = it.push(1, { batch: 0, gradient: [-1], sequence: 1 });
    await it.run();
    expect(again.reply()).toEqual({ type: "push_duplicate", version: 1 });
    expect(await it.values()).toEqual([2]);
  });

  test("take the place of their folded original and get its answer", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    const original = it.push(1, { batch: 0, gradient: [-1] });
    await it.run();
    const again = it.push(1, { batch: 0, gradient: [-1], sequence: 1 });
    await it.run();
    expect(codeOf(original.reply())).toBe("cancelled");
    expect([again.reply(), again.releases()]).toEqual([undefined, 1]);
    it.push(2, { batch: 1, gradient: [-3] });
    await it.run();
    expect(again.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(await it.values()).toEqual([2]);
  });

  test("replace their original's borrowed gradient, which goes back before it is answered", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    const original = it.push(2, { batch: 1, gradient: [-3] });
    const again = it.push(2, { batch: 1, gradient: [-3], sequence: 1 });
    await it.run();
    expect([codeOf(original.reply()), original.releases(), again.releases()]).toEqual(["cancelled", 1, 0]);
    it.push(1, { batch: 0, gradient: [-1] });
    await it.run();
    expect([again.reply(), again.releases()]).toEqual([{ type: "push_applied", version: 1, staleness: 0 }, 1]);
    expect(await it.values()).toEqual([2]);
  });

  test("of an older incarnation are refused", async () => {
    const it = await scene(1, { members: { ...membersOf(1), workers: [] } });
    await it.initialize([0]);
    it.push(0, { batch: 0, incarnation: 2, gradient: [-1] });
    const old = it.push(0, { batch: 1, clock: 1, incarnation: 1, gradient: [-1] });
    await it.run();
    expect(codeOf(old.reply())).toBe("not_a_member");
  });
});

describe("slots that another worker takes over", () => {
  test("count once when the first contribution is folded already", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    const first = it.push(1, { batch: 0, gradient: [-1] });
    const second = it.push(2, { batch: 0, gradient: [-1] });
    it.push(2, { batch: 1, gradient: [-3] });
    await it.run();
    expect(first.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(second.reply()).toEqual({ type: "push_duplicate", version: 1, of: "batch" });
    expect(await it.values()).toEqual([2]);
    expect(await it.describe()).toMatchObject({ batchesApplied: 2, duplicates: 1 });
  });

  test("stay filled when the first worker's borrowed gradient goes", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    const first = it.push(1, { batch: 1, gradient: [-3], deadlineMs: 100 });
    const second = it.push(2, { batch: 1, gradient: [-3], deadlineMs: 1000 });
    await it.run(500);
    expect(codeOf(first.reply())).toBe("deadline_exceeded");
    expect(second.reply()).toBeUndefined();
    it.push(2, { batch: 0, gradient: [-1] });
    await it.run();
    expect(second.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(await it.values()).toEqual([2]);
  });

  test("tell everybody to push again when they are emptied by a deadline", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    const first = it.push(1, { batch: 1, gradient: [-3], deadlineMs: 1000 });
    const second = it.push(2, { batch: 1, gradient: [-3], deadlineMs: 100 });
    await it.run(500);
    expect([codeOf(first.reply()), codeOf(second.reply())]).toEqual(["deadline_exceeded", "deadline_exceeded"]);
    expect([first.releases(), second.releases()]).toEqual([1, 1]);
    const again = it.push(1, { batch: 1, gradient: [-3], sequence: 1 });
    it.push(2, { batch: 0, gradient: [-1] });
    await it.run();
    expect(codeOf(again.reply())).toBe("push_applied");
    expect(await it.values()).toEqual([2]);
  });
});

describe("deadlines", () => {
  test("name whom a contribution waited for; a folded one still counts and its repetition waits on", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    const original = it.push(1, { batch: 0, gradient: [-1], deadlineMs: 2100 });
    await it.run(2100);
    const reply = original.reply();
    expect(reply?.type === "refused" && reply.error).toMatchObject({
      code: "deadline_exceeded",
      message:
        "[deadline_exceeded] shard 3 of run run-1: worker-1 waits for the contribution to step 0 of worker-2 since 2.1 s",
      details: { waiter: "worker-1", waitingFor: "worker-2", waitedMs: 2100 },
    });
    const again = it.push(1, { batch: 0, gradient: [-1], sequence: 1 });
    it.push(2, { batch: 1, gradient: [-3] });
    await it.run();
    expect(again.reply()).toEqual({ type: "push_applied", version: 1, staleness: 0 });
    expect(await it.values()).toEqual([2]);
  });

  test("drop a contribution that is only borrowed; its repetition is new", async () => {
    const it = await scene(1, { slots: 2 });
    await it.initialize([0]);
    const original = it.push(2, { batch: 1, gradient: [-3], deadlineMs: 50 });
    await it.run(50);
    expect([codeOf(original.reply()), original.releases()]).toEqual(["deadline_exceeded", 1]);
    it.push(1, { batch: 0, gradient: [-1] });
    await it.run();
    expect(await it.describe()).toMatchObject({ version: 0 });
    it.push(2, { batch: 1, gradient: [-3], sequence: 1 });
    await it.run();
    expect(await it.values()).toEqual([2]);
  });

  test("of pulls name the worker and the clock that is missing", async () => {
    const it = await scene(1, { consistency: { mode: "bounded", staleness: 1 } });
    await it.initialize([0]);
    for (let clock = 0; clock < 2; clock += 1) it.push(1, { clock, baseVersion: 0, gradient: [-1] });
    const open = it.pull(1, 1);
    const held = it.pull(1, 2, 1500);
    await it.run(1500);
    expect(open.reply()).toEqual({ type: "values", version: 2 });
    const reply = held.reply();
    expect(reply?.type === "refused" && reply.error.message).toBe(
      "[deadline_exceeded] shard 3 of run run-1: worker-1 waits for clock 1 of worker-2 since 1.5 s",
    );
    expect(held.values()).toBeUndefined();
  });

  test("of later requests are met although an earlier timer is set, and the other way round", async () => {
    const it = await scene(1);
    const pulls = [300, 100, 200].map((deadlineMs) => it.pull(1, 0, deadlineMs));
    const answered = (): boolean[] => pulls.map((pull) => pull.reply() !== undefined);
    await it.run(100);
    expect(answered()).toEqual([false, true, false]);
    await it.run(100);
    expect(answered()).toEqual([false, true, true]);
    await it.run(100);
    expect(answered()).toEqual([true, true, true]);
  });
});

describe("pulls", () => {
  test("wait for initial values and are answered with them", async () => {
    const it = await scene(2);
    const pull = it.pull(1, 0);
    await it.run(500);
    expect((await it.describe()).waits).toEqual([
      {
        waiter: "worker-1",
        waitingFor: ["worker-1", "worker-2"],
        reason: "initial values of worker-1, worker-2",
        sinceMs: 0,
      },
    ]);
    expect(await it.initialize([1, 2])).toEqual({ type: "initialized", version: 0 });
    expect([pull.reply(), pull.values()]).toEqual([{ type: "values", version: 0 }, [1, 2]]);
    expect(await it.initialize([3, 4])).toEqual({ type: "already_initialized", version: 0 });
  });

  test("of a synchronous run wait for the version of their clock", async () => {
    const it = await scene(1);
    await it.initialize([0]);
    const pull = it.pull(2, 1);
    await it.run();
    expect(pull.reply()).toBeUndefined();
    it.push(1, { batch: 0, gradient: [-1] });
    await it.run();
    expect([pull.reply(), pull.values()]).toEqual([{ type: "values", version: 1 }, [1]]);
  });

  test("of a bounded run go on when the one they wait for has left", async () => {
    const it = await scene(1, { consistency: { mode: "bounded", staleness: 0 } });
    await it.initialize([0]);
    it.push(1, { gradient: [-1] });
    const pull = it.pull(1, 1);
    await it.run();
    expect(pull.reply()).toBeUndefined();
    it.host.updateMembers(runName, membersOf(2, 1));
    await it.run();
    expect(pull.reply()).toEqual({ type: "values", version: 1 });
  });

  test("of a bounded run do not wait for the batch that another worker brought first", async () => {
    const it = await scene(1, { consistency: { mode: "bounded", staleness: 0 } });
    await it.initialize([0]);
    it.push(1, { batch: 0, gradient: [-1] });
    const duplicate = it.push(2, { batch: 0, gradient: [-1] });
    const pulls = [it.pull(1, 1), it.pull(2, 1)];
    await it.run();
    expect(duplicate.reply()).toEqual({ type: "push_duplicate", version: 1, of: "batch" });
    for (const pull of pulls) expect(pull.reply()).toEqual({ type: "values", version: 1 });
  });

  test("whose receiver fails cost nobody else anything", async () => {
    const it = await scene(1);
    await it.initialize([1]);
    let refused: unknown;
    it.shard.tell({
      type: "pull",
      sender: { run: runName, worker: 1, incarnation: 1, name: "worker-1" },
      clock: 0,
      deadlineMs: 100,
      receive: () => {
        throw new RangeError("no room");
      },
      replyTo: { address: "test/pull", tell: (reply) => void (refused = reply) },
    });
    await it.run();
    expect(refused).toMatchObject({ type: "refused", error: { code: "internal" } });
    expect(await it.values()).toEqual([1]);
  });
});

describe("bad pushes", () => {
  const refusals: readonly (readonly [string, string, Parameters<ShardScene["push"]>[1]])[] = [
    ["of a wrong length", "layout_mismatch", { batch: 0, gradient: [1, 2, 3] }],
    ["that hold NaN", "not_finite", { batch: 0, gradient: [1, Number.NaN] }],
    ["that hold an infinity", "not_finite", { batch: 0, gradient: [Number.NEGATIVE_INFINITY, 1] }],
    ["ahead of the shard", "invalid_argument", { batch: 1, clock: 1, gradient: [1, 1] }],
    ["with a fractional clock", "invalid_argument", { batch: 0, clock: 0.5, gradient: [1, 1] }],
    ["with sequence 0", "invalid_argument", { batch: 0, sequence: 0, gradient: [1, 1] }],
  ];

  test.each(refusals)("%s are refused with %s and change nothing", async (_what, code, input) => {
    const it = await scene(2);
    await it.initialize([1, 2]);
    const push = it.push(1, input);
    await it.run();
    expect([codeOf(push.reply()), push.releases()]).toEqual([code, 1]);
    expect(await it.values()).toEqual([1, 2]);
    expect(await it.describe()).toMatchObject({ version: 0, rejected: 1 });
    const good = it.push(2, { batch: 0, gradient: [1, 1] });
    await it.run();
    expect(codeOf(good.reply())).toBe("push_applied");
  });

  test("whose squares overflow are not taken for infinite", async () => {
    const it = await scene(2, { optimizer: { name: "accumulate" } });
    await it.initialize([0, 0]);
    it.push(1, { batch: 0, gradient: [1e30, -2e30] });
    await it.run();
    expect(await it.values()).toEqual([Math.fround(1e30), Math.fround(-2e30)]);
  });

  test("before there are values, and of strangers, are refused", async () => {
    const it = await scene(1);
    const early = it.push(1, { batch: 0, gradient: [1] });
    const stranger = it.push(9, { batch: 0, gradient: [1] });
    await it.run();
    expect([codeOf(early.reply()), codeOf(stranger.reply())]).toEqual(["invalid_argument", "not_a_member"]);
  });
});

describe("pushes without a barrier", () => {
  test("are applied as they come and record their staleness", async () => {
    const it = await scene(1, { consistency: { mode: "asynchronous" } });
    await it.initialize([0]);
    it.push(1, { batch: 0, baseVersion: 0, gradient: [-1] });
    const stale = it.push(2, { batch: 1, baseVersion: 0, gradient: [-1] });
    await it.run();
    expect(stale.reply()).toEqual({ type: "push_applied", version: 2, staleness: 1 });
    expect(await it.describe()).toMatchObject({
      stalenessMean: 0.5,
      stalenessMax: 1,
      updates: [
        { version: 1, contributions: [{ worker: 1, staleness: 0 }] },
        { version: 2, contributions: [{ worker: 2, staleness: 1 }] },
      ],
    });
  });

  test("count a batch once, whoever brings it", async () => {
    const it = await scene(1, { consistency: { mode: "asynchronous" } });
    await it.initialize([0]);
    it.push(1, { batch: 5, gradient: [-1] });
    const second = it.push(2, { batch: 5, gradient: [-1] });
    await it.run();
    expect(second.reply()).toEqual({ type: "push_duplicate", version: 1, of: "batch" });
    expect(await it.values()).toEqual([1]);
  });
});
