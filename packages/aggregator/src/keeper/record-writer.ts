/**
 * Writes a task's record, the newest of those that wait, and says when what it was written for may leave.
 *
 * Invariants
 *   K1  an effect leaves when the state that asks for it is in the store: whoever goes on knows all that anybody has heard.
 *   K2  records are written one after the other; of those that wait for a write only the newest is written.
 *   K3  who finds another aggregator's record in the store writes nothing any more.
 */
import type { Clock, StateStore } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import type { RoundEffect } from "@shoal/federated";
import { taskKey, type TaskRecord } from "./task-record.ts";

export interface RecordWriterOptions {
  readonly run: string;
  readonly clock: Clock;
  readonly store: StateStore;
  /** Of what stands in the store. */
  readonly revision: number;
  /** Told each effect once it may leave. Must not throw. */
  readonly onEffect: (effect: RoundEffect) => void;
  /** Another aggregator has taken over, or the record cannot be stored. */
  readonly onFailed: (error: ShoalError) => void;
}

export interface RecordWriter {
  /** Why nothing is written any more. */
  readonly ended: ShoalError | undefined;
  put(record: TaskRecord, effects: readonly RoundEffect[]): void;
  /** Settles when everything so far is in the store, and its effects have left. @throws ShoalError `ended` */
  written(): Promise<void>;
  end(error: ShoalError): void;
}

/** Wait after the n-th write in a row that failed: n times this, at most `mostRetryMs`. */
const retryMs = 200;
const mostRetryMs = 5_000;

interface Waiter {
  readonly done: () => void;
  readonly failed: (error: ShoalError) => void;
}

interface WriterState {
  readonly options: RecordWriterOptions;
  revision: number;
  /** What is to be written; undefined: nothing. */
  next: TaskRecord | undefined;
  effects: RoundEffect[];
  waiters: Waiter[];
  isWriting: boolean;
  failures: number;
  ended: ShoalError | undefined;
}

export function createRecordWriter(options: RecordWriterOptions): RecordWriter {
  const state: WriterState = {
    ...{ options, revision: options.revision, next: undefined, effects: [], waiters: [] },
    ...{ isWriting: false, failures: 0, ended: undefined },
  };
  return {
    get ended() {
      return state.ended;
    },
    put(record, effects) {
      if (state.ended !== undefined) return;
      state.next = record;
      state.effects.push(...effects);
      // What is asked for in the same turn goes with the same write.
      if (!state.isWriting) void Promise.resolve().then(() => writeAll(state));
    },
    written: () =>
      new Promise((done, failed) => {
        if (state.ended !== undefined) failed(state.ended);
        else if (state.next === undefined && !state.isWriting) done();
        else state.waiters.push({ done, failed });
      }),
    end: (error) => end(state, error),
  };
}

async function writeAll(state: WriterState): Promise<void> {
  if (state.isWriting) return; // K2
  state.isWriting = true;
  while (state.next !== undefined && state.ended === undefined) {
    const { next, effects, waiters } = state;
    Object.assign(state, { next: undefined, effects: [], waiters: [] });
    try {
      state.revision = await state.options.store.update(taskKey(state.options.run), next, state.revision);
      state.failures = 0;
      for (const effect of effects) state.options.onEffect(effect); // K1
      for (const { done } of waiters) done();
    } catch (error) {
      state.next ??= next;
      state.effects = [...effects, ...state.effects];
      state.waiters = [...waiters, ...state.waiters];
      await recover(state, next, ShoalError.from(error));
    }
  }
  state.isWriting = false;
  // Who began to wait while the last write was under way waited for that one.
  for (const { done } of state.waiters.splice(0)) done();
}

/** A write without an answer may have been done: then what stands there is ours, and its revision is read. */
async function recover(state: WriterState, own: TaskRecord, error: ShoalError): Promise<void> {
  const { run, store, clock } = state.options;
  if (isShoalError(error, "payload_too_large") || isShoalError(error, "codec_failed")) return fail(state, error);
  const isConflict = isShoalError(error, "store_conflict");
  try {
    const found = await store.get(taskKey(run));
    const term = (found?.value as TaskRecord | undefined)?.term ?? 0;
    if (found !== undefined && term === own.term) state.revision = found.revision;
    else if (isConflict) {
      const sentence = `aggregator ${term} has taken over from aggregator ${own.term} of run ${run}`;
      return fail(state, new ShoalError("stale_term", sentence, { term, own: own.term })); // K3
    }
  } catch {
    // The store is away: tried again below.
  }
  state.failures += 1;
  const waitMs = isConflict ? 0 : Math.min(state.failures * retryMs, mostRetryMs);
  await new Promise<void>((resolve) => clock.after(waitMs, resolve));
}

function fail(state: WriterState, error: ShoalError): void {
  end(state, error);
  state.options.onFailed(error);
}

function end(state: WriterState, error: ShoalError): void {
  state.ended ??= error;
  for (const { failed } of state.waiters.splice(0)) failed(state.ended);
  state.effects = [];
  state.next = undefined;
}
