/**
 * The run has gone back to a snapshot, or goes on from one on a cluster that does not know it: what belongs to the values goes
 * back with them. The ledger does not, nor do the numbers of rounds: what has left has left.
 */
import type { UndoneRounds } from "../keeper/task-record.ts";
import type { Task } from "../rounds/task.ts";
import { readSavedTask, type SavedTask } from "./saved-task.ts";

/**
 * Between two rounds. Done once more, by whoever goes on with the step before a round of it is known, it comes to the same.
 * @throws ShoalError snapshot_corrupt, store_unavailable
 */
export async function goBack(task: Task, step: number): Promise<void> {
  const { room, options } = task;
  const { keeper } = room;
  const { step: known, round: newest } = keeper.record;
  const isUnknown = known === -1 && step > 0;
  // A round of this very step may have been committed to values that are lost.
  const isBehind = known > step || (known === step && newest.phase === "committed");
  if (!isBehind && !isUnknown) return;
  const { origin, run } = options;
  const saved = origin === undefined ? undefined : readSavedTask(run, origin.text);
  if (saved?.version === step) {
    const { versions, outcomes, clip } = saved;
    keeper.amend({ versions, outcomes, lasting: { ...keeper.record.lasting, clip } });
  }
  if (room.control === undefined) return;
  if (saved?.version === step && (await restoreControl(task, saved))) return;
  const why = saved?.version === step ? "it went back too often" : "its snapshot holds no control variates";
  options.onNote?.(`the run goes on from step ${step}, and ${why}: all begin at zero, here and with the clients`);
  if (isUnknown) room.control.begin(step, Math.max(keeper.record.round.number + 1, Math.floor(room.clock.now())));
  else room.control.leave();
}

/** @returns whether c and the controls of clients belong together again, or there were none */
async function restoreControl(
  { room, options }: Task,
  { version, round, control: state }: SavedTask,
): Promise<boolean> {
  const { control, keeper, codecs } = room;
  if (control === undefined) return true;
  const values = options.origin?.vector;
  if (state === null || values?.length !== codecs.size) return false;
  const undone: UndoneRounds = [round, keeper.record.round.number];
  return control.goBack(version, { state, values }, undone);
}
