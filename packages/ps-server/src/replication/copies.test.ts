import { simulate } from "@shoal/actors";
import { afterEach, describe, expect, test } from "vitest";
import {
  createCopiesScene,
  seatOf,
  type CopiesScene,
  type PushOutcome,
} from "../../../../test/support/copies-scene.ts";

const scenes: CopiesScene[] = [];

async function scene(...args: Parameters<typeof createCopiesScene>): Promise<CopiesScene> {
  const created = await createCopiesScene(...args);
  scenes.push(created);
  return created;
}

afterEach(async () => {
  for (const { close, failures } of scenes.splice(0)) {
    await close();
    expect(failures).toEqual([]);
  }
});

/** Lets virtual time pass until the outcome is there. */
const get = <T>(it: CopiesScene, outcome: Promise<T>): Promise<T> => simulate(it.clock, outcome, { forMs: 60_000 });

const push = (worker: number, sequence: number, clock: number, batch: number, gradient: readonly number[]) => ({
  ...{ worker, sequence, clock, batch, gradient, baseVersion: clock },
});

/** One synchronous step of two slots. */
async function step(it: CopiesScene, server: number, clock: number): Promise<readonly PushOutcome[]> {
  const first = it.push(server, push(1, clock + 1, clock, 2 * clock, [clock + 1, 0.1]));
  const second = it.push(server, push(2, clock + 1, clock, 2 * clock + 1, [0.5, clock]));
  return [await get(it, first), await get(it, second)];
}

/** What two copies have in common when they are equal bit for bit. */
async function contents(it: CopiesScene, server: number): Promise<unknown> {
  const { progress, ...rest } = await get(it, it.snapshot(server));
  const { counters, ...known } = progress as { counters: { duplicates: number; rejected: number } };
  // How many requests were turned away is each server's own experience.
  const { duplicates: _, rejected: __, ...counted } = counters;
  return { ...rest, ...known, counted };
}

const asynchronous = { consistency: { mode: "asynchronous" }, slots: 1 } as const;

describe("copies of a shard", () => {
  test("have the primary's bits when a push is acknowledged", async () => {
    const it = await scene(3, 2, { optimizer: { name: "adam", learningRate: 0.1 } });
    await it.seat(1, 1, [2, 3]);
    expect(await get(it, it.initialize(1, [1, 2]))).toBe("initialized");
    for (let clock = 0; clock < 5; clock += 1) {
      expect((await step(it, 1, clock)).map(({ reply }) => reply?.type)).toEqual(["push_applied", "push_applied"]);
      const primary = await contents(it, 1);
      expect(await contents(it, 2)).toEqual(primary);
      expect(await contents(it, 3)).toEqual(primary);
    }
  });

  test("hold back what no replica has, and say for whom", async () => {
    const it = await scene(2, 2);
    await it.seat(1, 1, [2]);
    await get(it, it.initialize(1, [1, 2]));
    it.isolate(2);
    const waiting = step(it, 1, 0);
    await it.run(100);
    const { waits, seat, version } = await get(it, it.describe(1));
    expect(version).toBe(1);
    expect(waits).toMatchObject([
      { waiter: "worker-1", waitingFor: ["server-2 (replica)"], reason: "server-2 (replica), entry 3" },
      { waiter: "worker-2", waitingFor: ["server-2 (replica)"], reason: "server-2 (replica), entry 3" },
    ]);
    expect(seat).toEqual({ term: 1, role: "primary", index: 3, caughtUp: [2] });
    const pulled = await get(it, it.pull(1, { worker: 1, clock: 1 }));
    expect(pulled).toEqual({ code: "deadline_exceeded" });
    expect((await waiting).map(({ code }) => code)).toEqual(["deadline_exceeded", "deadline_exceeded"]);
  });

  test("let workers go on at once when the lost replica is taken off the seat", async () => {
    const it = await scene(2, 2);
    await it.seat(1, 1, [2]);
    await get(it, it.initialize(1, [1, 2]));
    it.isolate(2);
    const waiting = step(it, 1, 0);
    await it.run(100);
    await it.seat(2, 1, []);
    expect((await waiting).map(({ reply }) => reply?.type)).toEqual(["push_applied", "push_applied"]);
  });

  test("recognise a push that the lost primary had acknowledged, and apply one that it had not", async () => {
    const it = await scene(2, 1, asynchronous);
    await it.seat(1, 1, [2]);
    await get(it, it.initialize(1, [10]));
    await get(it, it.push(1, push(1, 1, 0, 0, [1])));
    it.isolate(1);
    const lost = get(it, it.push(1, push(1, 2, 1, 1, [2])));
    await it.run(50);
    await it.seat(2, 2, []);
    expect(await get(it, it.push(2, push(1, 1, 0, 0, [1])))).toMatchObject({ reply: { type: "push_duplicate" } });
    expect(await get(it, it.push(2, push(1, 2, 1, 1, [2])))).toMatchObject({ reply: { type: "push_applied" } });
    expect((await lost).code).toBe("deadline_exceeded");
    expect(await get(it, it.pull(2, { worker: 1, clock: 2 }))).toMatchObject({
      version: 2,
      values: new Float32Array([7]),
    });
  });

  test("fence a primary that was replaced without hearing of it", async () => {
    const it = await scene(3, 1, asynchronous);
    await it.seat(1, 1, [2, 3]);
    await get(it, it.initialize(1, [10]));
    // Server 1 does not hear of the new seat; server 3 hears of the term by the first entry of server 2.
    await it.host(2).seat("run-1", [seatOf(2, 2, [3])]);
    await it.run(50);
    expect(await get(it, it.push(1, push(1, 1, 0, 0, [1])))).toMatchObject({ code: "not_primary" });
    expect(await get(it, it.push(1, push(1, 1, 0, 0, [1])))).toMatchObject({ code: "not_primary" });
    expect(await get(it, it.push(2, push(1, 1, 0, 0, [1])))).toMatchObject({ reply: { type: "push_applied" } });
    expect((await get(it, it.describe(1))).seat).toMatchObject({ role: "learner" });
  });

  test("are filled again when they have entries of a lost history", async () => {
    const it = await scene(3, 1, asynchronous);
    await it.seat(1, 1, [2, 3]);
    await get(it, it.initialize(1, [10]));
    it.cut(1, 3);
    const lost = get(it, it.push(1, push(1, 1, 0, 0, [1])));
    await it.run(50);
    expect((await get(it, it.describe(2))).version).toBe(1);
    it.isolate(1);
    // Server 3 lacks the entry, which was never acknowledged, and becomes the primary; server 2 has it.
    await it.seat(2, 3, [2]);
    expect(await get(it, it.push(3, push(2, 1, 0, 1, [5])))).toMatchObject({ reply: { type: "push_applied" } });
    expect((await lost).code).toBe("deadline_exceeded");
    expect(await contents(it, 2)).toEqual(await contents(it, 3));
    expect((await get(it, it.snapshot(2))).values).toEqual(new Float32Array([5]));
  });

  test("are filled while training goes on, and reported when they have all entries", async () => {
    const it = await scene(2, 2, { optimizer: { name: "sgd", learningRate: 0.1, momentum: 0.9 } });
    await it.seat(1, 1, []);
    await get(it, it.initialize(1, [1, 2]));
    for (let clock = 0; clock < 3; clock += 1) await step(it, 1, clock);
    await it.seat(2, 1, [], [2]);
    for (let clock = 3; clock < 8; clock += 1) await step(it, 1, clock);
    await it.run(10);
    expect(it.caughtUp[0]).toEqual({ run: "run-1", shard: 3, term: 2, member: 2 });
    await it.seat(3, 1, [2]);
    await step(it, 1, 8);
    expect(await contents(it, 2)).toEqual(await contents(it, 1));
    await it.seat(4, 2, []);
    await it.run(10);
    // The former primary gives its copy up, with its memory.
    expect(it.host(1).find("run-1", 3)).toBeUndefined();
    expect((await step(it, 2, 9)).map(({ reply }) => reply?.type)).toEqual(["push_applied", "push_applied"]);
  });

  test("refuse workers, and name the primary", async () => {
    const it = await scene(2, 2);
    await it.seat(1, 1, [2]);
    await it.run(10);
    expect(await get(it, it.pull(2, { worker: 1, clock: 0 }))).toEqual({ code: "not_primary" });
    expect(await get(it, it.initialize(2, [1, 2]))).toBe("not_primary");
    expect(await get(it, it.push(2, push(1, 1, 0, 0, [1, 1])))).toMatchObject({ code: "not_primary" });
  });

  test("lose nothing when a shard is moved, with acknowledgement in memory as well", async () => {
    const it = await scene(2, 1, { ...asynchronous, acknowledge: "memory" });
    await it.seat(1, 1, []);
    await get(it, it.initialize(1, [0]));
    await it.seat(2, 1, [], [2]);
    await it.run(10);
    expect(it.caughtUp[0]).toMatchObject({ term: 2, member: 2 });
    it.faults = { lost: 0, delayMs: 50 };
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      const told = await get(it, it.push(1, push(1, sequence, sequence - 1, sequence - 1, [1])));
      expect(told.reply?.type).toBe("push_applied");
    }
    await it.seat(3, 2, []);
    expect(await get(it, it.pull(2, { worker: 1, clock: 5 }))).toMatchObject({
      version: 5,
      values: new Float32Array([-5]),
    });
  });

  test("are called caught up in a description only when they have all that was acknowledged", async () => {
    const it = await scene(2, 1, asynchronous);
    await it.seat(1, 1, []);
    await get(it, it.initialize(1, [0]));
    it.faults = { lost: 0, delayMs: 50 };
    await it.seat(2, 1, [], [2]);
    for (let sequence = 1; sequence <= 40; sequence += 1) {
      await get(it, it.push(1, push(1, sequence, sequence - 1, sequence - 1, [1])));
      await it.run(5);
      const { seat } = await get(it, it.describe(1));
      if (seat?.caughtUp.includes(2) !== true) continue;
      expect((await get(it, it.describe(2))).seat?.index).toBeGreaterThanOrEqual(seat.index);
      return;
    }
    expect.unreachable("the learner never caught up");
  });
});
