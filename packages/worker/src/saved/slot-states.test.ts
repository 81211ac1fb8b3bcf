import { createSimulatedClock, simulate } from "@shoal/actors";
import type { SnapshotStore, WorkerReply } from "@shoal/protocol";
import { expect, test } from "vitest";
import { createSlotStates } from "./slot-states.ts";

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

async function saveIn(store: SnapshotStore): Promise<WorkerReply | undefined> {
  const clock = createSimulatedClock();
  const heard: WorkerReply[] = [];
  const states = createSlotStates({
    ...{ run: "run-1", from: undefined, node: "worker-1", store, clock, assignment: () => ({ slots: [0] }) },
    client: { captureErrors: () => ({ errors: [], unanswered: 0 }), restoreErrors: ignore, dropErrors: ignore },
    buffers: { captureReplica: () => new Float32Array(64), restoreReplica: ignore, dropReplica: ignore },
    ...{ signal: new AbortController().signal, onNote: () => undefined },
  });
  const replyTo = { address: "test/replies", tell: (reply: WorkerReply) => void heard.push(reply) };
  states.save({ type: "save_slots", run: "run-1", snapshot: "snap-1", version: 3, slots: [0], replyTo });
  await states.enter(3);
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
