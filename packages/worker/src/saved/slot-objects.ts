/** What slots keep from step to step, as objects at the place of the snapshots. */
import { createHash } from "node:crypto";
import type { Clock } from "@shoal/actors";
import { errorTable, ShoalError } from "@shoal/errors";
import { hashSource, slotObjectName, sourceOf, type SavedSlot, type SnapshotStore } from "@shoal/protocol";
import { pause } from "../time/pause.ts";
import { encodeWorkerState } from "./state-bytes.ts";
import type { WorkerState } from "./worker-state.ts";

/** Who a state says that it belongs to. */
export function slotName(slot: number): string {
  return `slot-${slot}`;
}

/**
 * @param under the snapshot, or the move, that it belongs to
 * @throws ShoalError whatever prevented it
 */
export async function writeSlot(
  store: SnapshotStore,
  under: string,
  slot: number,
  state: WorkerState,
): Promise<SavedSlot> {
  const name = slotObjectName(state.run, under, slot);
  const source = hashSource(sourceOf(encodeWorkerState(state)), () => createHash("sha256"));
  await store.write(name, source);
  const sha256 = source.digest();
  if (sha256 !== undefined) return { name, bytes: source.totalBytes, sha256, slot };
  throw new ShoalError("store_unavailable", `${store.place} took a part of ${name} only`, { object: name });
}

export interface SlotReader {
  readonly run: string;
  readonly node: string;
  readonly store: SnapshotStore | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const readAttempts = 10;
const readAgainMs = 1000;

/**
 * A place that is away for a moment costs a moment.
 * @returns undefined when there is no such object @throws ShoalError store_unavailable - for so many attempts
 */
export async function readSlot(
  { store, node, run, clock, signal }: SlotReader,
  under: string,
  slot: number,
): Promise<Uint8Array | undefined> {
  const name = slotObjectName(run, under, slot);
  if (store === undefined) {
    const sentence = `${node} was started without a place for snapshots and cannot read ${name}`;
    throw new ShoalError("store_unavailable", sentence, { run });
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store.read(name);
    } catch (thrown) {
      const error = ShoalError.from(thrown);
      if (attempt === readAttempts || errorTable[error.code].retry === "never") throw error;
      await pause(clock, readAgainMs, signal);
    }
  }
}
