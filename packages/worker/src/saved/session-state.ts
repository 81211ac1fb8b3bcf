/**
 * Saves what a session must not forget, and finds it again when a worker of the same name joins the same run.
 *
 * Invariants
 *   S1  A state is given back once: it leaves the store before the first push that it is part of. A worker that dies
 *       later begins without one, unless it was saved again (`saveEvery`).
 *   S2  One save is under way at a time; a step that ends meanwhile is left out.
 */
import { ShoalError } from "@shoal/errors";
import type { LinkIdentity } from "@shoal/protocol";
import type { ParameterClient } from "../client/parameter-client.ts";
import { decodeWorkerState, encodeWorkerState } from "./state-bytes.ts";
import type { WorkerStateStore } from "./state-store.ts";

export interface SessionState {
  /** The session goes on from a saved state. */
  readonly restored: boolean;
  /** Looks for a saved state; before the first push. One that does not fit is left behind, with a note. */
  restore(): Promise<void>;
  /** A step has ended: saves where that is due. */
  stepped(clock: number): void;
  /** Captures now, and settles when it is kept, or noted that it is not. Nothing to keep is kept as nothing. */
  save(): Promise<void>;
  /** The run is over. */
  forget(): Promise<void>;
}

export interface SessionStateOptions {
  readonly identity: Pick<LinkIdentity, "run" | "name">;
  readonly client: Pick<ParameterClient, "captureErrors" | "restoreErrors">;
  readonly store: WorkerStateStore;
  /** Steps between two saves; null: only when the worker leaves. */
  readonly saveEvery: number | null;
  readonly onNote: (sentence: string) => void;
}

export function createSessionState(options: SessionStateOptions): SessionState {
  const { client, store, saveEvery, onNote } = options;
  const { run, name: worker } = options.identity;
  let restored = false;
  let clock = 0;
  let savedAt = 0;
  let saving: Promise<void> | undefined;
  let isOver = false;
  const note = (what: string, error: unknown): void =>
    onNote(`${worker}, run ${run}: ${what}: ${ShoalError.from(error).message}`);

  const keep = async (): Promise<void> => {
    const { errors, unanswered } = client.captureErrors();
    if (errors.length === 0) return;
    if (unanswered > 0) onNote(`${worker}, run ${run}: ${unanswered} pushes were not answered; they count as applied`);
    const bytes = encodeWorkerState({ run, worker, clock, unanswered, errors });
    await store.save(run, worker, bytes).catch((error: unknown) => note("what is unsent could not be saved", error));
  };
  const begin = (): Promise<void> => {
    savedAt = clock;
    saving = keep().finally(() => (saving = undefined));
    return saving;
  };
  return {
    get restored() {
      return restored;
    },
    async restore() {
      try {
        const bytes = await store.load(run, worker);
        if (bytes === undefined) return;
        const state = decodeWorkerState(bytes, { run, worker });
        client.restoreErrors(state.errors);
        await store.remove(run, worker); // S1
        restored = true;
        onNote(`${worker}, run ${run}: goes on with what was unsent after step ${state.clock}`);
      } catch (error) {
        note("begins without what was unsent", error);
      }
    },
    stepped(now) {
      clock = Math.max(clock, now);
      if (saveEvery === null || isOver || saving !== undefined || clock < savedAt + saveEvery) return; // S2
      void begin();
    },
    async save() {
      await saving;
      isOver = true;
      await begin();
    },
    async forget() {
      isOver = true;
      await saving;
      await store.remove(run, worker).catch((error: unknown) => note("its saved state could not be removed", error));
    },
  };
}
