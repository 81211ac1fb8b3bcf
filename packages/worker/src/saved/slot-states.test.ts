import { createSimulatedClock, simulate } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { SnapshotStore, WorkerReply } from "@shoal/protocol";
import { expect, test } from "vitest";
import type { ComputePort } from "../compute/compute-port.ts";
import { createSlotStates } from "./slot-states.ts";
import { decodeWorkerState } from "./state-bytes.ts";

/** A place that says it has taken an object of which it read `parts` parts. */
function storeTaking(parts: number): SnapshotStore {
  return {
    place: "a careless place",
    async write(_name: string, source: Parameters<SnapshotStore["write"]>[1]) {
      for (let part = 0; part < parts; part += 1) if (source.next(16) === undefined) return;
    },
  } as SnapshotStore;
}

const ignore = (): void => undefined;

async function saveIn(
  store: SnapshotStore,
  compute: Pick<ComputePort, "capture"> = {},
): Promise<WorkerReply | undefined> {
  const clock = createSimulatedClock();
  const heard: WorkerReply[] = [];
  const states = createSlotStates({
    ...{ run: "run-1", from: undefined, node: "worker-1", store, clock, assignment: () => ({ slots: [0] }) },
    client: {
      captureErrors: () => ({ errors: [], unanswered: 0 }),
      restoreErrors: ignore,
      dropErrors: ignore,
      passErrors: ignore,
    },
    buffers: { captureReplica: () => new Float32Array(64), restoreReplica: ignore, dropReplica: ignore },
    ...{ compute, signal: new AbortController().signal, onNote: () => undefined },
  });
  const replyTo = { address: "test/replies", tell: (reply: WorkerReply) => void heard.push(reply) };
  states.save({ type: "save_slots", run: "run-1", snapshot: "snap-1", version: 3, slots: [0], replyTo });
  const entering = states.enter(3);
  // Asked once more while the computing is being asked.
  states.save({ type: "save_slots", run: "run-1", snapshot: "snap-1", version: 3, slots: [0], replyTo });
  await entering;
  await simulate(clock, new Promise<void>((resolve) => void clock.after(1, resolve)));
  return heard.at(-1);
}

test("a slot is saved with the checksum of its bytes", async () => {
  expect(await saveIn(storeTaking(1_000))).toMatchObject({
    ...{ type: "slots_saved", slots: [{ slot: 0, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }] },
  });
});

test("a slot of which the place took a part only is not called saved", async () => {
  expect(await saveIn(storeTaking(2))).toMatchObject({
    ...{ type: "slots_not_saved", passed: null, error: { code: "store_unavailable" } },
  });
});

test("a slot is saved with what its computing keeps, when that has been said", async () => {
  const objects: Uint8Array[] = [];
  const store = {
    place: "a place",
    async write(_name: string, source: Parameters<SnapshotStore["write"]>[1]) {
      objects.push(source.next(source.totalBytes) ?? new Uint8Array());
    },
  } as SnapshotStore;
  const kept = { text: "of step 3", vector: Float32Array.of(1, 2) };
  const heard = await saveIn(store, { capture: async (step) => ({ ...kept, text: `of step ${step}` }) });
  expect(heard).toMatchObject({ type: "slots_saved" });
  const [bytes = new Uint8Array()] = objects;
  expect(decodeWorkerState(bytes, { run: "run-1", worker: "slot-0" }).computed).toEqual(kept);
});

test("a slot is not saved where its computing cannot say what it keeps", async () => {
  const away = new ShoalError("store_unavailable", "the store is away");
  expect(await saveIn(storeTaking(1_000), { capture: () => Promise.reject(away) })).toMatchObject({
    ...{ type: "slots_not_saved", passed: null, error: { code: "store_unavailable" } },
  });
});

test("who stood in for a slot keeps nothing of it, unless the slot has come to it meanwhile", () => {
  const done: string[] = [];
  const states = createSlotStates({
    ...{ run: "run-1", from: undefined, node: "worker-1", store: undefined, assignment: () => ({ slots: [1, 2] }) },
    client: {
      ...{ captureErrors: () => ({ errors: [], unanswered: 0 }), restoreErrors: ignore, dropErrors: ignore },
      passErrors: (slot, toSlot) => void done.push(`unsent of ${slot} to ${toSlot}`),
    },
    buffers: {
      ...{ captureReplica: () => undefined, restoreReplica: ignore },
      dropReplica: (slot) => void done.push(`replica ${slot}`),
    },
    ...{ compute: {}, clock: createSimulatedClock(), signal: new AbortController().signal, onNote: ignore },
  });
  states.stoodIn([0, 2, 3]);
  expect(done).toEqual(["replica 0", "unsent of 0 to 1", "replica 3", "unsent of 3 to 1"]);
});
