/**
 * Slots that a worker gives up while the run goes on, with what they keep: copied when its next step begins, written, and said
 * to be there. From that step on another worker computes them. What cannot be written stays: the worker goes on with it.
 *
 * Bounds      A copy of each slot that is given up until it is written. Writing is given up after `writeMs`, and the time that
 *             a slow place takes.
 * Invariants
 *   G1  What is said to be saved is computed here no more, unless the coordinator says that it is not given up after all.
 *   G2  What another worker goes on with is forgotten here: it must not be sent twice.
 */
import { tryTell, type Ref } from "@shoal/actors";
import { errorTable, ShoalError } from "@shoal/errors";
import { maximumSavedSlots, type SavedSlot, type WorkerAssignment, type WorkerReply } from "@shoal/protocol";
import type { ParameterClient } from "../client/parameter-client.ts";
import type { TrainingBuffers } from "../loop/training-buffers.ts";
import { atMost } from "../time/at-most.ts";
import { pause } from "../time/pause.ts";
import { writeSlot, type SlotReader } from "./slot-objects.ts";
import type { WorkerState } from "./worker-state.ts";

export interface GivenSlots {
  /** Something is to be given up before the next step. */
  isDue(): boolean;
  /** The slot is another worker's, or about to be. */
  isGiven(slot: number): boolean;
  /** A step begins: copies what is due. */
  copy(clock: number): void;
  /** There is a new assignment, or the same once more: forgets what is another's, and says what is saved. */
  assigned(replyTo: Ref<WorkerReply>): void;
}

export interface GivenSlotsOptions extends SlotReader {
  readonly client: Pick<ParameterClient, "dropErrors">;
  readonly buffers: Pick<TrainingBuffers, "dropReplica">;
  readonly assignment: () => Pick<WorkerAssignment, "slots" | "moves">;
  readonly stateOf: (slot: number, clock: number) => WorkerState;
}

/** The slots of one name. */
interface Giving {
  readonly name: string;
  readonly step: number;
  readonly slots: readonly number[];
  /** Undefined while they are being written. */
  outcome: readonly SavedSlot[] | ShoalError | undefined;
}

/** The others wait for it: so long, and longer for what is large. */
const writeMs = 3_000;
const writeAgainMs = 250;
/** What a place takes at least: 20 MB/s. */
const bytesAMs = 20_000;

export function createGivenSlots(options: GivenSlotsOptions): GivenSlots {
  const { assignment } = options;
  const known = new Map<string, Giving>();
  let replyTo: Ref<WorkerReply> | undefined;
  const due = (): readonly { readonly name: string; readonly slots: readonly number[] }[] =>
    (assignment().moves?.give ?? []).filter(({ name }) => !known.has(name));
  return {
    isDue: () => due().length > 0,
    isGiven: (slot) =>
      [...known.values()].some(({ slots, outcome }) => slots.includes(slot) && !(outcome instanceof ShoalError)),
    copy(clock) {
      for (const { name, slots } of due()) {
        const giving: Giving = { name, step: clock, slots, outcome: undefined };
        known.set(name, giving);
        const states = slots.map((slot) => options.stateOf(slot, clock));
        void write(options, giving, states).then(() => say(options, giving, replyTo));
      }
    },
    assigned(asker) {
      replyTo = asker;
      const { slots, moves } = assignment();
      for (const giving of known.values()) {
        const named = moves?.give.find(({ name }) => name === giving.name);
        if (named !== undefined) say(options, giving, replyTo);
        else known.delete(giving.name);
        if (named === undefined && !(giving.outcome instanceof ShoalError)) forget(options, giving, slots); // G2
      }
    },
  };
}

function forget({ client, buffers }: GivenSlotsOptions, giving: Giving, own: readonly number[]): void {
  for (const slot of giving.slots) {
    if (own.includes(slot)) continue;
    client.dropErrors(slot);
    buffers.dropReplica(slot);
  }
}

/** Settles with the outcome known, in time: a place that is away for a moment is asked again. */
async function write(options: GivenSlotsOptions, giving: Giving, states: readonly WorkerState[]): Promise<void> {
  const { store, node, run, clock } = options;
  if (store === undefined) {
    giving.outcome = new ShoalError("store_unavailable", `${node} was started without a place for snapshots`, { run });
    return;
  }
  let latest: ShoalError | undefined;
  const writeAll = async (): Promise<void> => {
    const saved: SavedSlot[] = [];
    while (saved.length < giving.slots.length && giving.outcome === undefined) {
      const [slot, state] = [giving.slots[saved.length], states[saved.length]];
      if (slot === undefined || state === undefined) return;
      try {
        saved.push(await writeSlot(store, giving.name, slot, state));
      } catch (error) {
        latest = ShoalError.from(error);
        if (errorTable[latest.code].retry === "never" || options.signal.aborted) return;
        await pause(clock, writeAgainMs, options.signal);
      }
    }
    giving.outcome ??= saved;
  };
  const limitMs = writeMs + Math.ceil(states.reduce((sum, state) => sum + bytesOf(state), 0) / bytesAMs);
  await atMost(clock, limitMs, writeAll());
  const late = `${store.place} did not take slots of run ${run} from ${node} within ${limitMs} ms`;
  giving.outcome ??= latest ?? new ShoalError("store_unavailable", late, { run });
}

function bytesOf({ errors, replica }: WorkerState): number {
  const vectors = errors.flatMap(({ snapshot: { residual, factors } }) => [residual, factors]);
  return [...vectors, replica].reduce((sum, vector) => sum + (vector?.byteLength ?? 0), 0);
}

function say({ run, node }: GivenSlotsOptions, giving: Giving, replyTo: Ref<WorkerReply> | undefined): void {
  const { name: snapshot, step, outcome } = giving;
  if (outcome === undefined || replyTo === undefined) return;
  if (outcome instanceof ShoalError) {
    const error = outcome.toJSON();
    tryTell<WorkerReply>(replyTo, { type: "slots_not_saved", run, node, snapshot, passed: null, error });
    return;
  }
  for (let first = 0; first < outcome.length; first += maximumSavedSlots) {
    const slots = outcome.slice(first, first + maximumSavedSlots);
    tryTell<WorkerReply>(replyTo, { type: "slots_saved", run, node, snapshot, step, slots });
  }
}
