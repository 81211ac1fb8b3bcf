/**
 * What a task begins with that the store knows nothing of: nothing, or what a cluster before this one has left in its log,
 * when the run goes on from a snapshot. Rounds then go on being counted, in one chain, and at the price of those before.
 */
import { ShoalError } from "@shoal/errors";
import { appendRecord, emptyLedger, type TaskDescription } from "@shoal/federated";
import type { LastingState, TaskRecord } from "./keeper/task-record.ts";
import type { ChainedRound } from "./records/round-log.ts";
import type { AggregatorSettings } from "./settings.ts";

export interface TaskBeginning {
  /** The newest round before. */
  readonly round: number;
  readonly lasting: LastingState;
}

/** @param lastRecord - of a log that was found whole */
export async function beginTask(
  { privacy }: AggregatorSettings,
  description: TaskDescription,
  lastRecord: () => Promise<ChainedRound | undefined>,
): Promise<TaskBeginning> {
  const ledger = privacy === null ? null : emptyLedger();
  const fresh: LastingState = { clip: description.privacy.clip, ledger, control: null, log: null };
  const last = await lastRecord();
  if (last === undefined) return { round: 0, lasting: fresh };
  const { sequence, previous, body } = last;
  const { round } = body;
  const { head } = appendRecord({ sequence: sequence - 1, hash: previous }, body);
  return { round, lasting: { ...fresh, ledger: ledger && (body.ledger ?? ledger), log: { head, round } } };
}

/**
 * A promise of privacy holds for the whole run: what its rounds have cost must be known.
 * @param step - that the run is at
 * @throws ShoalError data_not_found
 */
export function checkSpent({ step: known, lasting }: TaskRecord, step: number, run: string): void {
  if (known !== -1 || step === 0 || lasting.ledger === null || lasting.ledger.rounds > 0) return;
  const sentence =
    `the rounds before step ${step} have cost of the clients' privacy, and how much stands in a log that is not here: ` +
    `put RUNS/${run}/rounds.jsonl of the machine that played them beside this one's runs`;
  throw new ShoalError("data_not_found", sentence, { run });
}
