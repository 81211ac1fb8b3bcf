/** Takes a task over: writes its record under a term of one's own before anything else is done. */
import type { Clock, StateStore } from "@shoal/actors";
import { isShoalError } from "@shoal/errors";
import { isEnded, nothingCarried, resumeRound, type RoundState, type RoundStep } from "@shoal/federated";
import type { TaskBeginning } from "./begin-task.ts";
import { taskKey, type TaskRecord } from "./keeper/task-record.ts";
import { onClock } from "./population/kept-standings.ts";

export interface OpenedRecord {
  readonly record: TaskRecord;
  readonly revision: number;
  /** The round that was under way, on this clock, with the effects that may not have been carried out. */
  readonly resumed: RoundStep | undefined;
}

/** Times that another one's write may come in between, or the store be away. */
const mostTries = 20;
const retryMs = 500;

/** @throws ShoalError store_unavailable; store_conflict - somebody else goes on writing */
export async function openRecord(options: OpenRecordOptions): Promise<OpenedRecord> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await openOnce(options);
    } catch (error) {
      const isConflict = isShoalError(error, "store_conflict");
      if (!(isConflict || isShoalError(error, "store_unavailable")) || tries >= mostTries) throw error;
      await new Promise<void>((resolve) => void options.clock.after(isConflict ? 0 : retryMs, resolve));
    }
  }
}

interface OpenRecordOptions {
  readonly run: string;
  readonly store: StateStore;
  readonly clock: Clock;
  /** Of a task that the store knows nothing of. */
  readonly begin: () => Promise<TaskBeginning>;
}

async function openOnce({ run, store, clock, begin }: OpenRecordOptions): Promise<OpenedRecord> {
  const found = await store.get(taskKey(run));
  const known = found?.value as TaskRecord | undefined;
  const resumed = known === undefined || isEnded(known.round) ? undefined : resumeRound(known.round, clock.now());
  const record = onThisClock(
    known === undefined
      ? firstRecord(await begin())
      : { ...known, term: known.term + 1, round: resumed?.state ?? known.round },
    clock.now(),
  );
  const revision =
    found === undefined
      ? await store.create(taskKey(run), record)
      : await store.update(taskKey(run), record, found.revision);
  return { record, revision, resumed };
}

function onThisClock(record: TaskRecord, nowMs: number): TaskRecord {
  const { held } = record.lasting;
  return held === undefined ? record : { ...record, lasting: { ...record.lasting, held: onClock(held, nowMs) } };
}

function firstRecord({ round: number, lasting }: TaskBeginning): TaskRecord {
  const before: RoundState = {
    ...{ phase: "abandoned", number, atMs: 0, reason: "no round yet", carried: nothingCarried, isTorn: false },
  };
  return { term: 1, step: -1, round: before, versions: [], outcomes: [], lasting };
}
