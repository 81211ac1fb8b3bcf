import { simulate } from "@shoal/actors";
import { afterEach, expect, test } from "vitest";
import { createCopiesScene, type CopiesScene } from "../../../../test/support/copies-scene.ts";
import { leastVectors, logBytes, maximumEntries, reservedEntries } from "./bounds.ts";

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

const get = <T>(it: CopiesScene, outcome: Promise<T>): Promise<T> => simulate(it.clock, outcome, { forMs: 60_000 });
const asynchronous = { consistency: { mode: "asynchronous" }, slots: 1, acknowledge: "memory" } as const;

/** The push number `sequence` of worker 1, of ones. */
const push = (sequence: number, size = 1) => ({
  ...{ worker: 1, sequence, clock: sequence - 1, batch: sequence - 1, baseVersion: sequence - 1 },
  gradient: new Float32Array(size).fill(1),
});

/** As many pushes as the log has room for. */
async function fillLog(it: CopiesScene): Promise<number> {
  const room = maximumEntries - reservedEntries;
  for (let sequence = 1; sequence <= room; sequence += 1) {
    expect((await get(it, it.push(1, push(sequence)))).reply?.type).toBe("push_applied");
  }
  return room;
}

test("with acknowledgement in memory nobody waits for a replica, until the log is full", async () => {
  const it = await scene(2, 1, asynchronous);
  await it.seat(1, 1, [2]);
  await get(it, it.initialize(1, [0]));
  await it.run(10);
  it.isolate(2);
  const count = await fillLog(it);
  const late = it.push(1, push(count + 1), 5000);
  const pulled = it.pull(1, { worker: 1, clock: count + 1 }, 5000);
  const other = await get(it, it.pull(1, { worker: 2, clock: 0 }));
  expect(other).toMatchObject({ version: count });
  await it.run(10);
  const { waits, version } = await get(it, it.describe(1));
  expect(version).toBe(count);
  expect(waits.map(({ waiter, waitingFor }) => [waiter, waitingFor])).toEqual([
    ["worker-1", ["server-2 (replica)"]],
    ["worker-1", ["server-2 (replica)"]],
  ]);
  await it.seat(2, 1, []);
  expect((await get(it, late)).reply).toEqual({ type: "push_applied", version: count + 1, staleness: 0 });
  expect(await get(it, pulled)).toMatchObject({ version: count + 1, values: new Float32Array([-count - 1]) });
});

test("a push that waits for room in the log is told at its deadline for whom, and counts once when it comes again", async () => {
  const it = await scene(2, 1, asynchronous);
  await it.seat(1, 1, [2]);
  await get(it, it.initialize(1, [0]));
  await it.run(10);
  it.isolate(2);
  const count = await fillLog(it);
  expect(await get(it, it.push(1, push(count + 1)))).toEqual({ reply: undefined, code: "deadline_exceeded" });
  await it.seat(2, 1, []);
  expect((await get(it, it.push(1, push(count + 1)))).reply?.type).toBe("push_applied");
  expect((await get(it, it.push(1, push(count + 1)))).reply?.type).toBe("push_duplicate");
});

test("a synchronous step waits whole until there is room in the log", async () => {
  const size = logBytes / 4;
  const it = await scene(2, size, { acknowledge: "memory" });
  const contribute = (clock: number, deadlineMs = 400) =>
    [1, 2].map((worker) => {
      const batch = 2 * clock + worker - 1;
      const gradient = new Float32Array(size).fill(worker);
      return it.push(1, { worker, sequence: clock + 1, clock, batch, baseVersion: clock, gradient }, deadlineMs);
    });
  await it.seat(1, 1, [2]);
  await get(it, it.initialize(1, new Float32Array(size)));
  await it.run(10);
  it.isolate(2);
  for (let clock = 0; clock < leastVectors; clock += 1) {
    expect((await get(it, Promise.all(contribute(clock)))).map(({ reply }) => reply?.type)).toEqual([
      "push_applied",
      "push_applied",
    ]);
  }
  const held = contribute(leastVectors, 5000);
  await it.run(10);
  const { waits, version } = await get(it, it.describe(1));
  expect([version, waits[0]?.waitingFor]).toEqual([leastVectors, ["server-2 (replica)"]]);
  await it.seat(2, 1, []);
  expect((await get(it, Promise.all(held))).map(({ reply }) => reply?.type)).toEqual(["push_applied", "push_applied"]);
  // The mean of 1 and 2, once a step.
  expect((await get(it, it.snapshot(1))).values[7]).toBe(-1.5 * (leastVectors + 1));
});

test("a learner that does not answer holds updates up for a while only, and is filled when it is back", async () => {
  const it = await scene(2, 1, asynchronous);
  await it.seat(1, 1, []);
  await get(it, it.initialize(1, [0]));
  await it.seat(2, 1, [], [2]);
  it.cut(1, 2);
  const count = maximumEntries;
  const begin = it.clock.now();
  for (let sequence = 1; sequence <= count; sequence += 1) {
    expect((await get(it, it.push(1, push(sequence), 5000))).reply?.type).toBe("push_applied");
  }
  expect(it.clock.now() - begin).toBeLessThan(1000);
  it.mend(1, 2);
  // What is under way on the dead line ends at its deadline.
  await it.run(12_000);
  expect(it.caughtUp.at(-1)).toMatchObject({ term: 2, member: 2 });
  expect((await get(it, it.snapshot(2))).values).toEqual(new Float32Array([-count]));
});

test("a member list that comes while the log is full is kept, and followed later", async () => {
  const it = await scene(2, 1, asynchronous);
  await it.seat(1, 1, [2]);
  await get(it, it.initialize(1, [0]));
  await it.run(10);
  it.isolate(2);
  await fillLog(it);
  const workers = [{ member: 1, incarnation: 1, name: "worker-1" }];
  for (let revision = 2; revision < 2 * reservedEntries; revision += 1) {
    it.host(1).updateMembers("run-1", { revision, workers, slotOwners: [1] });
  }
  await it.run(10);
  await it.seat(2, 1, []);
  await it.run(10);
  // Worker 2 is on the list no more.
  expect(await get(it, it.push(1, { ...push(1), worker: 2, batch: 5000 }))).toMatchObject({ code: "not_a_member" });
});
