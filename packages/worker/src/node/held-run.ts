/** The one run that a worker node holds, and whom it owes an answer. */
import type { Ref } from "@shoal/actors";
import type { ShoalError } from "@shoal/errors";
import type { LinkIdentity, StartRun, WorkerReply } from "@shoal/protocol";
import type { RunPhase } from "./decide-start.ts";
import type { FinishedRun } from "./finish-run.ts";
import type { RunSession } from "./run-session.ts";

export interface HeldRun {
  readonly run: string;
  readonly identity: LinkIdentity;
  readonly session: RunSession;
  /** Clock time, ms. */
  readonly heldSinceMs: number;
  phase: RunPhase;
  /** Newest command to start it. */
  command: StartRun;
  /** Newest sender of `start_run`, while preparing. */
  startedFor: Ref<WorkerReply> | undefined;
  /** Newest sender of `finish_run`, while finishing. */
  finishedFor: Ref<WorkerReply> | undefined;
  data: { readonly dataSource: string; readonly trainSamples: number } | undefined;
  finished: FinishedRun | undefined;
  failure: ShoalError | undefined;
  /** Times that the failure was reported. */
  failureReports: number;
}

/** Remembers the names of the runs that ended here, with their newest attempt: the newest 256. */
export interface EndedRuns {
  add(run: string, incarnation: number, attempt: number): void;
  /** Whether this attempt ended here, or one after it. */
  has(run: string, incarnation: number, attempt: number): boolean;
}

const maximumEndedRuns = 256;

export function createEndedRuns(): EndedRuns {
  const ended = new Map<string, { readonly incarnation: number; readonly attempt: number }>();
  return {
    add(run, incarnation, attempt) {
      ended.delete(run);
      ended.set(run, { incarnation, attempt });
      const [oldest] = ended.keys();
      if (ended.size > maximumEndedRuns && oldest !== undefined) ended.delete(oldest);
    },
    has(run, incarnation, attempt) {
      const last = ended.get(run);
      return last?.incarnation === incarnation && last.attempt >= attempt;
    },
  };
}
