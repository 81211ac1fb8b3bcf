/** What is kept of a federated task in the store: with it another aggregator goes on where this one stopped. */
import type { RoundState } from "@shoal/federated";

/** Outcomes that are remembered, of the newest contributions: what is sent again after that is stale anyway. */
export const mostOutcomes = 4_096;

export interface TaskRecord {
  /** Counts the aggregators of a task: of two, the one with the higher term is the newer. */
  readonly term: number;
  /** The step of the run that the present round is for. */
  readonly step: number;
  readonly round: RoundState;
  /** Version that each of the newest rounds began with, oldest first. */
  readonly versions: readonly (readonly [round: number, version: number])[];
  /** Accepted or refused contributions, oldest first. */
  readonly outcomes: readonly (readonly [contribution: string, accepted: boolean])[];
  /** What lasts beside rounds: the ledger and the clip of differential privacy, the newest audit record. */
  readonly lasting: LastingState;
}

export interface LastingState {
  /** Norm to which updates are clipped now; null: they are not. */
  readonly clip: number | null;
  /** As the accountant keeps it; null: no differential privacy. */
  readonly ledger: unknown;
  /** SHA-256 of the newest record, hexadecimal; null before the first. */
  readonly lastRecord: string | null;
}

/** Key of a run's record in the state store. */
export function taskKey(run: string): string {
  return `federated/${run}/task`;
}
