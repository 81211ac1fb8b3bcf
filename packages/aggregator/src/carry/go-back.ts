/**
 * The run has gone back to a snapshot, or goes on from one on a cluster that does not know it: what belongs to the values goes
 * back with them. The ledger does not, nor do the numbers of rounds: what has left has left.
 */
import { nothingCarried, type EndedState } from "@shoal/federated";
import { accountName } from "@shoal/protocol";
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
  if (isUnknown) countOn(task, step);
  const { origin, run } = options;
  const saved = origin === undefined ? undefined : readSavedTask(run, origin.text);
  if (saved?.version === step) {
    const { versions, outcomes, clip } = saved;
    keeper.amend({ versions, outcomes, lasting: { ...keeper.record.lasting, clip } });
  }
  if (room.control === undefined) return;
  const isUncounted = isUnknown && keeper.record.lasting.isUncounted === true;
  if (saved?.version === step && !isUncounted && (await restoreControl(task, saved))) return;
  const why = isUncounted
    ? "controls of clients may be of rounds that are not counted here"
    : saved?.version === step
      ? "it went back too often"
      : "its snapshot holds no control variates";
  options.onNote?.(`the run goes on from step ${step}, and ${why}: all begin at zero, here and with the clients`);
  if (isUnknown) room.control.begin(step);
  else room.control.leave();
}

/**
 * Each step before took a round at least. Whether there were more is known to clients alone, and one might lie: whoever knows a
 * greater number checks in when it hears of a smaller one, and is told that it is so.
 */
function countOn(task: Task, step: number): void {
  const { keeper, clock } = task.room;
  const { round, lasting } = keeper.record;
  if (round.number >= step && lasting.isUncounted !== true) return;
  const number = Math.max(round.number, step);
  if (number > round.number) {
    const reason = `the rounds of ${step} steps before are not counted here`;
    const state: EndedState = {
      ...{ phase: "abandoned", number, atMs: clock.now(), reason, carried: nothingCarried, isTorn: false },
    };
    keeper.adopt({ state, effects: [], reason });
    task.told = number;
  }
  const { run, onNote } = task.options;
  onNote?.(
    `the run goes on from step ${step}, and how far its rounds were counted is not known: ${accountName(run)} is not beside its ` +
      `snapshots. They go on with ${number + 1}, and clients that know greater numbers ask whether that is meant. For numbers that ` +
      `no round had, cancel the run, put that object there, or RUNS/${run}/rounds.jsonl of the machine that played them beside this ` +
      `one's runs, and resume it`,
  );
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
