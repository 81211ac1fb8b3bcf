/**
 * What the slots of a synchronous run keep from step to step: their unsent error, and their replicas of local updates. It
 * belongs to the slot: whoever computes the slot in a step goes on with what it kept before, out of a snapshot that the
 * attempt begins with, or as the worker that had the slot before has left it (`given-slots.ts`).
 *
 * Bounds      One snapshot at a time: what is left of one is dropped for the next. Of each slot a copy of its state until it is
 *             written; one is written at a time.
 * Invariants
 *   L1  A state is copied between two steps: all pushes of the one before have been answered, nothing of the next has begun.
 *   L2  A state is given back in the step that it was copied before, and in no later one: by then it has been sent.
 *   L3  A slot is computed by the worker that has its state: not before the step that it was given up before, and not after.
 */
import { tryTell, type Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  maximumSavedSlots,
  type SavedSlot,
  type SaveSlots,
  type StartRun,
  type WorkerAssignment,
  type WorkerReply,
} from "@shoal/protocol";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { ComputePort, ComputeState } from "../compute/compute-port.ts";
import type { TrainingBuffers } from "../loop/training-buffers.ts";
import { createGivenSlots, type GivenSlots } from "./given-slots.ts";
import { readSlot, slotName, writeSlot, type SlotReader } from "./slot-objects.ts";
import { decodeWorkerState } from "./state-bytes.ts";
import type { WorkerState } from "./worker-state.ts";

export interface SlotStates {
  /**
   * A step begins, or something of it that changes what slots keep: what is due is copied (L1). Settles when the step may go on;
   * undefined: at once.
   */
  enter(clock: number): Promise<void> | undefined;
  /** Whether something is to be copied or given back before a slot of this step: nothing of it may begin before `enter`. */
  isDue(clock: number, slot: number): boolean;
  /** Those of its slots that this worker computes in a step (L3). */
  computed(slots: readonly number[], clock: number): readonly number[];
  /** Before the contribution of a slot to a step: gives back what is kept of it (L2). */
  restore(slot: number, clock: number): Promise<void> | undefined;
  /** A step is over, to which this worker contributed slots of others. */
  stoodIn(slots: readonly number[]): void;
  /** Begins, or answers again. */
  save(command: SaveSlots): void;
  /** There is a new assignment, or the same once more: answers what is due. */
  assigned(replyTo: Ref<WorkerReply>): void;
}

export interface SlotStatesOptions extends Pick<StartRun, "from">, SlotReader {
  readonly client: Pick<ParameterClient, "captureErrors" | "restoreErrors" | "dropErrors" | "passErrors">;
  readonly buffers: Pick<TrainingBuffers, "captureReplica" | "restoreReplica" | "dropReplica">;
  /** Where the computing itself keeps something, the run has one slot, and goes on elsewhere with its own means. */
  readonly compute: Pick<ComputePort, "capture" | "restore">;
  readonly assignment: () => Pick<WorkerAssignment, "slots" | "moves">;
  readonly onNote: (sentence: string) => void;
}

interface Saving {
  readonly snapshot: string;
  readonly version: number;
  replyTo: SaveSlots["replyTo"];
  /** Undefined until the step comes. */
  copied: ReadonlySet<number> | undefined;
  /** The step has come, and waits for what the computing keeps. */
  isCapturing: boolean;
  computed: ComputeState | undefined;
  readonly saved: SavedSlot[];
  failed: WorkerReply | undefined;
}

/** What the functions below share. */
interface Site {
  readonly options: SlotStatesOptions;
  readonly given: GivenSlots;
  /** Slots that were given back before their contribution was due, and from what. */
  readonly ready: Map<number, string>;
  position: number;
  saving: Saving | undefined;
}

export function createSlotStates(options: SlotStatesOptions): SlotStates {
  const given = createGivenSlots({ ...options, stateOf: (slot, clock) => stateOf(options, slot, clock) });
  const site: Site = { options, given, ready: new Map(), position: -1, saving: undefined };
  return {
    enter: (clock) => enter(site, clock),
    isDue: (clock, slot) => isCopying(site, clock) || placeOf(site, slot, clock) !== undefined,
    computed: (slots, clock) => slots.filter((slot) => !given.isGiven(slot) && clock >= beginOf(options, slot)),
    restore(slot, clock) {
      const place = placeOf(site, slot, clock);
      if (place === undefined) return undefined;
      const isReady = site.ready.get(slot) === place;
      site.ready.delete(slot); // contributed once more, the slot begins where it began
      return isReady ? undefined : restore(options, slot, clock, place);
    },
    stoodIn: (slots) => forgetOthers(options, slots),
    save: (command) => save(site, command),
    assigned: (replyTo) => given.assigned(replyTo),
  };
}

/**
 * Who stood in for a slot keeps nothing under its name: an owner goes on with what it has itself. What the encoding left
 * unsent of that one contribution is in nobody else's hands, so it goes out with a slot of this worker.
 */
function forgetOthers({ assignment, client, buffers }: SlotStatesOptions, contributed: readonly number[]): void {
  const { slots } = assignment();
  for (const slot of contributed) {
    if (slots.includes(slot)) continue; // it has come here meanwhile
    buffers.dropReplica(slot);
    if (slots[0] !== undefined) client.passErrors(slot, slots[0]);
  }
}

function enter(site: Site, clock: number): Promise<void> | undefined {
  if (clock <= site.position) return undefined;
  site.position = clock;
  site.ready.clear();
  if (!isCopying(site, clock)) {
    passBy(site, clock);
    return undefined;
  }
  return prepare(site, clock);
}

/** What is copied must be there first. */
function prepare(site: Site, clock: number): Promise<void> | undefined {
  const restoring = ownSlots(site, clock).flatMap((slot) => {
    const place = placeOf(site, slot, clock);
    if (place === undefined || site.ready.get(slot) === place) return [];
    return restore(site.options, slot, clock, place).then(() => site.ready.set(slot, place));
  });
  return restoring.length === 0 ? captureAll(site, clock) : Promise.all(restoring).then(() => prepare(site, clock));
}

function captureAll(site: Site, clock: number): Promise<void> | undefined {
  const { saving, options } = site;
  const { compute } = options;
  const isDue = saving?.version === clock && saving.copied === undefined && saving.failed === undefined;
  if (!isDue || compute.capture === undefined) return copyAll(site, clock);
  saving.isCapturing = true;
  return compute.capture(clock).then(
    (computed) => {
      Object.assign(saving, { computed, isCapturing: false });
      copyAll(site, clock);
    },
    (error: unknown) => {
      saving.isCapturing = false;
      fail(options, saving, ShoalError.from(error), null);
      answer(options, saving);
      copyAll(site, clock);
    },
  );
}

function ownSlots({ options, given }: Site, clock: number): readonly number[] {
  return options.assignment().slots.filter((slot) => !given.isGiven(slot) && clock >= beginOf(options, slot));
}

/** Something is copied when this step begins. */
function isCopying({ saving, given }: Site, clock: number): boolean {
  const isSaving = saving?.version === clock && saving.copied === undefined && saving.failed === undefined;
  return isSaving || given.isDue();
}

function copyAll(site: Site, clock: number): undefined {
  passBy(site, clock);
  const { saving } = site;
  if (saving?.version === clock && saving.copied === undefined && saving.failed === undefined) void copy(site, saving);
  site.given.copy(clock); // the last: from now on they are not this worker's
  return undefined;
}

function passBy({ saving, options, position }: Site, clock: number): void {
  if (saving === undefined || saving.copied !== undefined || saving.version >= clock) return;
  fail(options, saving, passedBy(options, saving, position), position);
}

/** Where the state is that a slot has in a step, if it is not here. */
function placeOf({ options: { assignment, from } }: Site, slot: number, clock: number): string | undefined {
  const take = assignment().moves?.take ?? [];
  const taken = take.find(({ slots, step }) => step === clock && slots.includes(slot));
  return taken?.name ?? (from?.step === clock ? from.snapshot : undefined);
}

/** The first step that a slot is computed in by this worker. */
function beginOf({ assignment }: SlotStatesOptions, slot: number): number {
  const take = assignment().moves?.take ?? [];
  return take.find(({ slots }) => slots.includes(slot))?.step ?? 0;
}

function save(site: Site, { snapshot, version, slots, replyTo }: SaveSlots): void {
  const { options, position } = site;
  if (site.saving?.snapshot !== snapshot) {
    const fresh = { copied: undefined, isCapturing: false, computed: undefined, saved: [], failed: undefined };
    site.saving = { snapshot, version, replyTo, ...fresh };
  }
  const { saving } = site;
  saving.replyTo = replyTo;
  const { copied } = saving;
  if (options.store === undefined) {
    fail(options, saving, noPlace(options), null);
  } else if (position >= version && !saving.isCapturing && slots.some((slot) => copied?.has(slot) !== true)) {
    fail(options, saving, passedBy(options, saving, position), position);
  }
  answer(options, saving);
}

function noPlace({ node, run }: SlotStatesOptions): ShoalError {
  return new ShoalError("store_unavailable", `${node} was started without a place for snapshots`, { run });
}

function passedBy({ node, run }: SlotStatesOptions, { version }: Saving, position: number): ShoalError {
  return new ShoalError("cancelled", `${node} is in step ${position} of run ${run}, and was asked for ${version}`, {
    run,
  });
}

async function copy(site: Site, saving: Saving): Promise<void> {
  const { options } = site;
  const { store } = options;
  if (store === undefined) return;
  const own = ownSlots(site, saving.version);
  saving.copied = new Set(own);
  const { computed } = saving;
  const states = own.map((slot) => ({
    ...stateOf(options, slot, saving.version),
    ...(computed !== undefined && { computed }),
  }));
  for (const [index, slot] of own.entries()) {
    const state = states[index];
    if (state === undefined || site.saving !== saving || saving.failed !== undefined) return;
    try {
      saving.saved.push(await writeSlot(store, saving.snapshot, slot, state));
    } catch (error) {
      fail(options, saving, ShoalError.from(error), null);
      break;
    }
  }
  answer(options, saving);
}

function stateOf({ run, client, buffers }: SlotStatesOptions, slot: number, clock: number): WorkerState {
  const { errors, unanswered } = client.captureErrors(slot);
  const replica = buffers.captureReplica(slot);
  return { run, worker: slotName(slot), clock, unanswered, errors, ...(replica !== undefined && { replica }) };
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

/** @throws ShoalError snapshot_corrupt, store_unavailable */
async function restore(options: SlotStatesOptions, slot: number, clock: number, place: string): Promise<void> {
  const { run, client, buffers, compute, onNote, node } = options;
  const bytes = await readSlot(options, place, slot);
  // What this worker had of the slot was sent by others since.
  client.dropErrors(slot);
  buffers.dropReplica(slot);
  if (bytes === undefined) {
    onNote(`${node}, run ${run}: slot ${slot} begins afresh, ${place} has no state of it`);
    return;
  }
  const state = decodeWorkerState(bytes, { run, worker: slotName(slot) });
  if (state.clock !== clock) {
    const sentence = `slot ${slot} in ${place} is of step ${state.clock}, not ${clock}`;
    throw new ShoalError("snapshot_corrupt", sentence, { run });
  }
  if (state.errors.length > 0) client.restoreErrors(state.errors, slot);
  if (state.replica !== undefined) buffers.restoreReplica(slot, state.replica);
  if (state.computed !== undefined) compute.restore?.(clock, state.computed);
}
