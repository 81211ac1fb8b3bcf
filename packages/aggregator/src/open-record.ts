/** Takes a task over: writes its record under a term of one's own before anything else is done. */
import type { Clock, StateStore } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import { isEnded, nothingCarried, resumeRound, type RoundState, type RoundStep } from "@shoal/federated";
import { taskKey, type LastingState, type TaskRecord } from "./keeper/task-record.ts";

export interface OpenedRecord {
  readonly record: TaskRecord;
  readonly revision: number;
  /** The round that was under way, on this clock, with the effects that may not have been carried out. */
  readonly resumed: RoundStep | undefined;
}

/** Times that another one's write may come in between. */
const mostTries = 20;

/** @throws ShoalError store_unavailable; store_conflict - somebody else goes on writing */
export async function openRecord(
  { run, store, clock }: { readonly run: string; readonly store: StateStore; readonly clock: Clock },
  fresh: LastingState,
): Promise<OpenedRecord> {
  for (let tries = 1; ; tries += 1) {
    const found = await store.get(taskKey(run));
    const known = found?.value as TaskRecord | undefined;
    const resumed = known === undefined || isEnded(known.round) ? undefined : resumeRound(known.round, clock.now());
    const record: TaskRecord =
      known === undefined
        ? { term: 1, step: -1, round: before, versions: [], outcomes: [], lasting: fresh }
        : { ...known, term: known.term + 1, round: resumed?.state ?? known.round };
    try {
      const revision =
        found === undefined
          ? await store.create(taskKey(run), record)
          : await store.update(taskKey(run), record, found.revision);
      return { record, revision, resumed };
    } catch (error) {
      if (!isShoalError(error, "store_conflict") || tries >= mostTries) throw error;
    }
  }
}

/** Stands before the first round. */
const before: RoundState = {
  ...{ phase: "abandoned", number: 0, atMs: 0, reason: "no round yet", carried: nothingCarried, isTorn: false },
};
