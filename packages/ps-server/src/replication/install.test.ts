import { simulate } from "@shoal/actors";
import type { InstallReply, Refusal, ShardCommand } from "@shoal/protocol";
import { afterEach, expect, test } from "vitest";
import { copiesRun, createCopiesScene, type CopiesScene } from "../../../../test/support/copies-scene.ts";
import { encodeState } from "../state-file/encode-state.ts";

let it: CopiesScene;
afterEach(async () => {
  await it.close();
  expect(it.failures).toEqual([]);
});

const get = <T>(outcome: Promise<T>): Promise<T> => simulate(it.clock, outcome, { forMs: 60_000 });

/** Two copies, of which the second has the values [1, 2]. */
async function open(): Promise<void> {
  it = await createCopiesScene(2, 2, { optimizer: { name: "adam", learningRate: 0.1 } });
  await it.seat(1, 1, [2]);
  await get(it.initialize(1, [1, 2]));
}

function bytesOf(state: unknown): Uint8Array<ArrayBuffer> {
  return encodeState(state).next(1_000_000) as Uint8Array<ArrayBuffer>;
}

/** Sends bytes as the state of a primary of term 2. */
async function install(bytes: Uint8Array, index = 9, place = { offset: 0, totalBytes: bytes.length }): Promise<string> {
  const shard = it.host(2).find(copiesRun, 3);
  const part = { shard: 3, term: 2, index, ...place, bytes };
  const outcome = new Promise<InstallReply | Refusal>((resolve) => {
    shard?.tell({ type: "install", part, replyTo: { address: "server-1/x", tell: resolve } } satisfies ShardCommand);
  });
  const reply = await get(outcome);
  return reply.type === "refused" ? reply.error.code : `${reply.type} ${String(reply.done)}`;
}

test("a state that is spoiled, foreign or of another entry is refused, and the copy is as it was", async () => {
  await open();
  const snapshot = await get(it.snapshot(1));
  const { members } = { members: { revision: 5, workers: [], slotOwners: [] } };
  const state = { snapshot, index: 9, madeIn: 2, members };
  const spoiled = bytesOf(state);
  spoiled[200] = (spoiled[200] ?? 0) ^ 1;
  const before = await get(it.snapshot(2));
  const wrong = [
    spoiled,
    bytesOf({ ...state, index: 8 }),
    bytesOf({ ...state, madeIn: "2" }),
    bytesOf({ ...state, members: undefined }),
    bytesOf({ ...state, snapshot: { ...snapshot, shard: 4 } }),
    bytesOf({ ...state, snapshot: { ...snapshot, values: new Float32Array(3) } }),
    bytesOf({ ...state, snapshot: { ...snapshot, optimizer: { name: "sgd", stepCount: 0, slots: {} } } }),
    bytesOf({ ...state, snapshot: { ...snapshot, progress: { ...Object(snapshot.progress), initialized: false } } }),
    bytesOf({}),
  ];
  for (const bytes of wrong) expect(await install(bytes)).toBe("snapshot_corrupt");
  expect(await get(it.snapshot(2))).toEqual(before);
  expect(await install(bytesOf(state))).toBe("installed true");
  expect((await get(it.describe(2))).seat).toMatchObject({ index: 9, term: 2 });
});

test("a copy says how much of a state has come, until it is whole", async () => {
  await open();
  const snapshot = await get(it.snapshot(1));
  const bytes = bytesOf({ snapshot, index: 9, madeIn: 2, members: { revision: 5, workers: [], slotOwners: [] } });
  const received = async (): Promise<number | undefined> => (await get(it.describe(2))).seat?.received;
  expect(await received()).toBeUndefined();
  expect(await install(bytes.subarray(0, 100), 9, { offset: 0, totalBytes: bytes.length })).toBe("installed false");
  expect(await received()).toBe(100);
  expect(await install(bytes.subarray(100), 9, { offset: 100, totalBytes: bytes.length })).toBe("installed true");
  expect(await received()).toBeUndefined();
});

test("all memory of copies comes back, whatever they were", async () => {
  it = await createCopiesScene(3, 1000, { consistency: { mode: "asynchronous" }, slots: 1 });
  const bytes = it.memory.allocatedBytes;
  await it.seat(1, 1, [2], [3]);
  await get(it.initialize(1, new Float32Array(1000)));
  const gradient = new Float32Array(1000).fill(1);
  await get(it.push(1, { worker: 1, sequence: 1, clock: 0, batch: 0, baseVersion: 0, gradient }));
  await it.seat(2, 2, [3]);
  await it.run(100);
  await get(it.push(2, { worker: 1, sequence: 2, clock: 1, batch: 1, baseVersion: 1, gradient }));
  const released = Promise.all([1, 2, 3].map((server) => it.host(server).release(copiesRun)));
  await get(released);
  await it.run(10_000);
  expect(it.memory.allocatedBytes).toBe(bytes);
});
