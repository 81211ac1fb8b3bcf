/**
 * What a snapshot of a federated run holds beside its values: what belongs to their version, and has to go back with them.
 * What must never go back is in the run's account (`records/run-account.ts`).
 */
import { ShoalError } from "@shoal/errors";
import { isEnded, type ChainHead } from "@shoal/federated";
import type { ControlState, TaskRecord } from "../keeper/task-record.ts";
import type { KeptStandings } from "../population/kept-standings.ts";
import type { Room } from "../serve/room.ts";

/** As bytes of a snapshot are made of it. */
export interface SavedWork {
  /** JSON. */
  readonly text: string;
  /** float32, borrowed. */
  readonly vector: Float32Array | null;
}

export interface SavedTask extends Pick<TaskRecord, "versions" | "outcomes"> {
  readonly format: 1;
  readonly version: number;
  /** The newest round that counts for the values. */
  readonly round: number;
  /** Norm to which updates are clipped. */
  readonly clip: number | null;
  /** Where the chain of records was. */
  readonly log: { readonly head: ChainHead; readonly round: number } | null;
  /** SCAFFOLD's, of these values; null: without, or the next round begins with zeros. */
  readonly control: ControlState | null;
  /** What was held against clients. Absent: nothing. */
  readonly held?: KeptStandings;
}

/** @param version - of values that are all of the steps before @throws ShoalError store_unavailable */
export async function saveTask({ keeper, control, clock }: Room, version: number): Promise<SavedWork> {
  const round = newestCounted(keeper.record, version);
  const saved = await control?.save(version, round);
  const { versions, outcomes, lasting } = keeper.record;
  const { clip, log, held } = lasting;
  const task: SavedTask = {
    ...{ format: 1, version, round, clip, log, control: saved?.state ?? null },
    ...(held !== undefined && { held: { ...held, asOfMs: clock.now() } }),
    // Who has not heard what became of its contribution asks again. No other task than SCAFFOLD's needs to answer.
    ...(saved === undefined ? { versions: [], outcomes: [] } : { versions, outcomes }),
  };
  return { text: JSON.stringify(task), vector: saved?.values ?? null };
}

/** The round of the step before may not have been told yet; one for the next step has not come into the values. */
function newestCounted({ round, step }: TaskRecord, version: number): number {
  return isEnded(round) || step < version ? round.number : round.number - 1;
}

/** @throws ShoalError snapshot_corrupt */
export function readSavedTask(run: string, text: string): SavedTask {
  try {
    const task = JSON.parse(text) as SavedTask;
    const numbers = [task.version, task.round].every((each) => Number.isSafeInteger(each) && each >= 0);
    const lists = [task.versions, task.outcomes, task.held?.clients ?? []];
    if (task.format === 1 && numbers && lists.every((each) => Array.isArray(each))) return task;
  } catch {
    // Said below.
  }
  throw new ShoalError("snapshot_corrupt", `what a snapshot of run ${run} holds of its rounds is of no known form`, {
    run,
  });
}
