/**
 * What the slots of a synchronous run keep from step to step, in snapshots: their unsent error, and their replicas of local
 * updates. It belongs to the slot: whoever computes the slot in the step that a snapshot was taken before goes on with it.
 *
 * Bounds      One snapshot at a time: what is left of one is dropped for the next. Of each slot a copy of its state until it is
 *             written; one is written at a time.
 * Invariants
 *   L1  A state is copied between two steps: all pushes of the one before have been answered, nothing of the next has begun.
 *   L2  A state is given back in the step that it was copied before, and in no later one: by then it has been sent.
 */
import { createHash } from "node:crypto";
import { tryTell, type Clock } from "@shoal/actors";
import { errorTable, ShoalError } from "@shoal/errors";
import {
  hashSource,
  maximumSavedSlots,
  slotObjectName,
  sourceOf,
  type SavedSlot,
  type SaveSlots,
  type SnapshotObject,
  type SnapshotStore,
  type StartRun,
  type WorkerReply,
} from "@shoal/protocol";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { TrainingBuffers } from "../loop/training-buffers.ts";
import { pause } from "../time/pause.ts";
import { decodeWorkerState, encodeWorkerState } from "./state-bytes.ts";
import type { WorkerState } from "./worker-state.ts";

export interface SlotStates {
  /** A step begins, or something of it that changes what slots keep: the states are copied if they are due (L1). */
  enter(clock: number): void;
  /** Whether they are to be copied before this step: nothing of it may begin before `enter`. */
  isDue(clock: number): boolean;
  /** Before the contribution of a slot to a step: gives back what the snapshot of this attempt has of it (L2). */
  restore(slot: number, clock: number): Promise<void> | undefined;
  /** Begins, or answers again. */
  save(command: SaveSlots): void;
}

export interface SlotStatesOptions extends Pick<StartRun, "run" | "from"> {
  readonly node: string;
  readonly store: SnapshotStore | undefined;
  readonly client: Pick<ParameterClient, "captureErrors" | "restoreErrors">;
  readonly buffers: Pick<TrainingBuffers, "captureReplica" | "restoreReplica">;
  /** Slots that this worker computes now. */
  readonly slots: () => readonly number[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onNote: (sentence: string) => void;
}

interface Saving {
  readonly snapshot: string;
  readonly version: number;
  replyTo: SaveSlots["replyTo"];
  /** Undefined until the step comes. */
  copied: ReadonlySet<number> | undefined;
  readonly saved: SavedSlot[];
  failed: WorkerReply | undefined;
}

export function createSlotStates(options: SlotStatesOptions): SlotStates {
  let position = -1;
  let saving: Saving | undefined;
  return {
    enter(clock) {
      if (clock <= position) return;
      position = clock;
      if (saving === undefined || saving.copied !== undefined) return;
      if (saving.version === clock) void copy(options, saving, () => saving);
      else if (saving.version < clock) fail(options, saving, passedBy(options, saving, position), position);
    },
    isDue: (clock) => saving?.version === clock && saving.copied === undefined && saving.failed === undefined,
    restore: (slot, clock) => (clock === options.from?.step ? restore(options, slot, options.from) : undefined), // L2
    save({ snapshot, version, slots, replyTo }) {
      if (saving?.snapshot !== snapshot) {
        saving = { snapshot, version, replyTo, copied: undefined, saved: [], failed: undefined };
      }
      saving.replyTo = replyTo;
      const { copied } = saving;
      if (options.store === undefined) {
        const sentence = `${options.node} was started without a place for snapshots`;
        fail(options, saving, new ShoalError("store_unavailable", sentence, { run: options.run }), null);
      } else if (position >= version && slots.some((slot) => copied?.has(slot) !== true)) {
        fail(options, saving, passedBy(options, saving, position), position);
      }
      answer(options, saving);
    },
  };
}

function passedBy({ node, run }: SlotStatesOptions, { version }: Saving, position: number): ShoalError {
  return new ShoalError("cancelled", `${node} is in step ${position} of run ${run}, and was asked for ${version}`, {
    run,
  });
}

/** @param current the snapshot that is wanted by then */
async function copy(options: SlotStatesOptions, saving: Saving, current: () => Saving | undefined): Promise<void> {
  const { store, slots, run } = options;
  if (store === undefined) return;
  const own = slots();
  saving.copied = new Set(own);
  const states = own.map((slot) => stateOf(options, slot, saving.version));
  for (const [index, slot] of own.entries()) {
    const state = states[index];
    if (state === undefined || current() !== saving || saving.failed !== undefined) return;
    const name = slotObjectName(run, saving.snapshot, slot);
    try {
      saving.saved.push({ ...(await write(store, name, encodeWorkerState(state))), slot });
    } catch (error) {
      fail(options, saving, ShoalError.from(error), null);
      break;
    }
  }
  answer(options, saving);
}

/** @throws ShoalError whatever prevented it */
async function write(store: SnapshotStore, name: string, bytes: Uint8Array): Promise<SnapshotObject> {
  const source = hashSource(sourceOf(bytes), () => createHash("sha256"));
  await store.write(name, source);
  const sha256 = source.digest();
  if (sha256 !== undefined) return { name, bytes: source.totalBytes, sha256 };
  throw new ShoalError("store_unavailable", `${store.place} took a part of ${name} only`, { object: name });
}

function nameOf(slot: number): string {
  return `slot-${slot}`;
}

function stateOf({ run, client, buffers }: SlotStatesOptions, slot: number, clock: number): WorkerState {
  const { errors, unanswered } = client.captureErrors(slot);
  const replica = buffers.captureReplica(slot);
  return { run, worker: nameOf(slot), clock, unanswered, errors, ...(replica !== undefined && { replica }) };
}

function fail({ run, node }: SlotStatesOptions, saving: Saving, error: ShoalError, passed: number | null): void {
  const { snapshot } = saving;
  saving.failed ??= { type: "slots_not_saved", run, node, snapshot, passed, error: error.toJSON() };
}

/** Says how it ended, or what all is written. */
function answer({ run, node }: SlotStatesOptions, { snapshot, failed, saved, copied, replyTo }: Saving): void {
  if (failed !== undefined) tryTell(replyTo, failed);
  if (failed !== undefined || copied === undefined || saved.length < copied.size) return;
  for (let first = 0; first < saved.length; first += maximumSavedSlots) {
    const slots = saved.slice(first, first + maximumSavedSlots);
    tryTell<WorkerReply>(replyTo, { type: "slots_saved", run, node, snapshot, slots });
  }
}

async function restore(options: SlotStatesOptions, slot: number, from: NonNullable<StartRun["from"]>): Promise<void> {
  const { run, client, buffers, onNote, node } = options;
  const name = slotObjectName(run, from.snapshot, slot);
  const bytes = await read(options, name);
  if (bytes === undefined) {
    onNote(`${node}, run ${run}: slot ${slot} begins afresh, ${from.snapshot} has no state of it`);
    return;
  }
  const state = decodeWorkerState(bytes, { run, worker: nameOf(slot) });
  if (state.errors.length > 0) client.restoreErrors(state.errors, slot);
  if (state.replica !== undefined) buffers.restoreReplica(slot, state.replica);
}

const readAttempts = 10;
const readAgainMs = 1000;

/** A place that is away for a moment costs a moment. @throws ShoalError store_unavailable - for so many attempts */
async function read(
  { store, node, run, clock, signal }: SlotStatesOptions,
  name: string,
): Promise<Uint8Array | undefined> {
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
