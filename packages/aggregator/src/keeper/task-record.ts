/** What is kept of a federated task in the store: with it another aggregator goes on where this one stopped. */
import type { ChainHead, ContributionCounts, PrivacyLedger, RoundState } from "@shoal/federated";
import type { KeptStandings } from "../population/kept-standings.ts";

/**
 * Outcomes that are remembered, of the newest contributions: what is sent again after that is stale anyway. A record has to
 * fit 256 KiB: 1,024 outcomes take 42, as many members and reports of a round at most 137, who is gone or
 * uncounted 35, what is held against clients 27, what they have contributed 5.
 */
export const mostOutcomes = 1_024;

/** A contribution's id, whether it counts, and the round that it was made for. */
export type Outcome = readonly [contribution: string, accepted: boolean, round: number];

export interface TaskRecord {
  /** Counts the aggregators of a task: of two, the one with the higher term is the newer. */
  readonly term: number;
  /** The step of the run that the present round is for. */
  readonly step: number;
  readonly round: RoundState;
  /** Version that each of the newest rounds began with, oldest first. */
  readonly versions: readonly (readonly [round: number, version: number])[];
  /** Accepted or refused contributions, oldest first. */
  readonly outcomes: readonly Outcome[];
  /** What lasts beside rounds: the ledger and the clip of differential privacy, the newest audit record, offenders. */
  readonly lasting: LastingState;
}

export interface LastingState {
  /** Norm to which updates are clipped now; null: they are not. */
  readonly clip: number | null;
  /**
   * What the rounds that clients were told of have cost; with local privacy, the contributions of whichever client made most. null:
   * without differential privacy.
   */
  readonly ledger: PrivacyLedger | null;
  /** With local privacy: contributions by client. Absent: any may have made as many as the ledger has rounds. */
  readonly counts?: ContributionCounts;
  /** SCAFFOLD's; null: without, and before the first round. */
  readonly control: ControlState | null;
  /** The newest record of the audit log, and the round that it is of; null before the first. */
  readonly log: { readonly head: ChainHead; readonly round: number } | null;
  /** What is held against clients. Absent: nothing. */
  readonly held?: KeptStandings;
  /** The run goes on from a snapshot, and clients may know rounds after it of which nothing is known here. Absent: they do not. */
  readonly isUncounted?: true;
}

/** What there is to say of the server's control variate: its values lie beside the record (`control-store.ts`). */
export interface ControlState {
  /**
   * Since when all controls count, which were zero then: later than every epoch before. By the clock, so that it is later also
   * where nothing is known of those before. Clients forget controls of an earlier one, and refuse to go back to it.
   */
  readonly epoch: number;
  /** The version whose control is zero. */
  readonly since: number;
  /** Newest contributions of clients that were taken and do not count: their clients have to be told. */
  readonly uncounted: readonly (readonly [client: string, round: number])[];
  /** Controls of clients may have come apart from it: the next round begins another epoch. */
  readonly isLeft: boolean;
  /** Rounds that the run may go back to: clients keep what they had after these. Absent: none. */
  readonly restorable?: readonly number[];
  /** Rounds after the first and up to the second number do not count: the run has gone back. Absent: none. */
  readonly undone?: readonly UndoneRounds[];
}

export type UndoneRounds = readonly [after: number, until: number];

/** Key of a run's record in the state store. */
export function taskKey(run: string): string {
  return `federated/${run}/task`;
}

/** Key of the newest record of its audit log: a log on a disk may be one behind. */
export function newestRecordKey(run: string): string {
  return `federated/${run}/record`;
}
