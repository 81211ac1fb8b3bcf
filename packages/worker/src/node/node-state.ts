/** What a worker node knows, and the words of its answers. */
import { tryTell, type Ref } from "@shoal/actors";
import type { SerializedError, ShoalError } from "@shoal/errors";
import type { Joined, StartRun, WorkerCommand, WorkerReply } from "@shoal/protocol";
import type { FinishedRun } from "./finish-run.ts";
import type { EndedRuns, HeldRun } from "./held-run.ts";
import type { SessionEnvironment } from "./run-session.ts";

/** What happens inside the node, told to its control actor by its own sessions and timers. */
export type NodeEvent =
  | { readonly type: "node_joined"; readonly joined: Joined }
  | { readonly type: "session_prepared"; readonly held: HeldRun }
  | { readonly type: "session_failed"; readonly held: HeldRun; readonly error: ShoalError }
  | { readonly type: "session_finished"; readonly held: HeldRun; readonly finished: FinishedRun }
  | { readonly type: "session_not_finished"; readonly held: HeldRun; readonly error: ShoalError }
  /** A failure is to be reported, for the first time or again. */
  | { readonly type: "failure_due"; readonly held: HeldRun }
  /** The node is to end with what it has begun. */
  | { readonly type: "node_leaving"; readonly left: () => void }
  /** The node leaves the cluster. */
  | { readonly type: "node_closing" };

export type NodeMessage = WorkerCommand | NodeEvent;

export interface NodeState {
  readonly environment: SessionEnvironment;
  readonly node: string;
  readonly ended: EndedRuns;
  joined: Joined | undefined;
  held: HeldRun | undefined;
  /** A command that came before the welcome. */
  deferred: StartRun | undefined;
  /** Parts of logs that are being read. */
  reading: number;
}

export function attemptOf({ attempt }: { readonly attempt?: number | undefined }): number {
  return attempt ?? 0;
}

/** Says something that the asker repeats if it is lost. */
export function reply(replyTo: Ref<WorkerReply> | undefined, answer: WorkerReply): void {
  if (replyTo !== undefined) tryTell(replyTo, answer);
}

export function refuseStart(node: string, run: string, error: SerializedError): WorkerReply {
  return { type: "start_refused", run, node, error };
}

export function refuseFinish(node: string, run: string, error: SerializedError): WorkerReply {
  return { type: "finish_failed", run, node, error };
}

/** The answer to `start_run` once the run is prepared. */
export function confirmStart(node: string, { run, data }: HeldRun): WorkerReply | undefined {
  return data === undefined ? undefined : { type: "run_started", run, node, ...data };
}

/**
 * Ends the run that is held, if there is one: nobody hears of it any more.
 * @param goesOn the run itself does, on other workers or in another life of this one
 * @param over why it is over for everybody, where it is
 */
export async function drop(state: NodeState, goesOn = false, over?: string): Promise<void> {
  const { held } = state;
  if (held === undefined) return;
  state.held = undefined;
  state.ended.add(held.run, held.identity.incarnation, attemptOf(held.command));
  await held.session.stop(goesOn, over);
}
