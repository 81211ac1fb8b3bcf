/**
 * What a task begins with that the store knows nothing of: nothing, or what a cluster before this one has left in its log, in
 * the run's account and in the snapshot that the run goes on from. Rounds then go on being counted, in one chain, and at the
 * price of those before.
 */
import { ShoalError } from "@shoal/errors";
import { appendRecord, emptyLedger, type PrivacyLedger, type TaskDescription } from "@shoal/federated";
import type { SavedTask } from "./carry/saved-task.ts";
import type { LastingState, TaskRecord } from "./keeper/task-record.ts";
import type { ChainedRound } from "./records/round-log.ts";
import { greaterOf, type AccountState } from "./records/run-account.ts";
import { accountingOf, ledgerWith, withUnlogged } from "./rounds/privacy-ledger.ts";
import type { AggregatorSettings } from "./settings.ts";

export interface TaskBeginning {
  /** The newest round before. */
  readonly round: number;
  readonly lasting: LastingState;
}

/** What is known of the rounds before. */
export interface TaskSources {
  /** The newest of a log that was found whole. */
  readonly lastRecord: ChainedRound | undefined;
  readonly account: AccountState | undefined;
  /** What the snapshot holds that the run goes on from. */
  readonly saved: SavedTask | undefined;
}

/** @param sources - asked for where the store knows nothing */
export async function beginTask(
  settings: AggregatorSettings,
  description: TaskDescription,
  sources: () => Promise<TaskSources>,
): Promise<TaskBeginning> {
  const { lastRecord, account, saved } = await sources();
  const logged = lastRecord === undefined ? null : chainAfter(lastRecord);
  const isLogOld = (saved?.log?.head.sequence ?? -1) > (logged?.head.sequence ?? -1);
  const log = isLogOld ? (saved?.log ?? null) : logged;
  // Of one that a machine began, and another one went on with, the end is missing.
  const said = isLogOld ? null : (lastRecord?.body.ledger ?? null);
  const rounds = [logged?.round, saved?.round, account?.rounds].map((known) => known ?? 0);
  const lasting: LastingState = {
    ...{ clip: description.privacy.clip, control: null, log },
    ...(saved?.held !== undefined && { held: saved.held }),
    // A log may lack its end; the account is never behind.
    ...(saved !== undefined && account === undefined && { isUncounted: true as const }),
    ledger:
      accountingOf(settings) === undefined
        ? null
        : ledgerOf(settings, said, account, isLogOld ? 0 : (logged?.round ?? 0)),
  };
  return { round: Math.max(...rounds), lasting };
}

function chainAfter({ sequence, previous, body }: ChainedRound): NonNullable<LastingState["log"]> {
  const { head } = appendRecord({ sequence: sequence - 1, hash: previous }, body);
  return { head, round: body.round };
}

/**
 * The account is never behind what has left. A log is, by the round that was not told yet. Those of a release that did not count
 * contributions with local privacy say how many rounds there were: a client makes one in each at most.
 */
function ledgerOf(
  settings: AggregatorSettings,
  logged: PrivacyLedger | null,
  account: AccountState | undefined,
  loggedRound: number,
): PrivacyLedger {
  const kept = account?.ledger ?? null;
  if (logged !== null && (kept?.rounds ?? 0) < logged.rounds) return withUnlogged(logged, settings);
  const known = greaterOf(kept, logged);
  if (known !== null || settings.localPrivacy === null) return known ?? emptyLedger();
  return ledgerWith(emptyLedger(), settings, Math.max(account?.rounds ?? 0, loggedRound === 0 ? 0 : loggedRound + 1));
}

/**
 * A promise of privacy holds for the whole run: what its rounds have cost must be known.
 * @param step - that the run is at
 * @throws ShoalError data_not_found
 */
export function checkSpent({ step: known, lasting }: TaskRecord, step: number, run: string): void {
  if (known !== -1 || step === 0 || lasting.ledger === null || lasting.ledger.rounds > 0) return;
  const sentence =
    `the rounds before step ${step} have cost of the clients' privacy, and how much stands neither beside the snapshots ` +
    `nor in a log that is here: put RUNS/${run}/rounds.jsonl of the machine that played them beside this one's runs`;
  throw new ShoalError("data_not_found", sentence, { run });
}
