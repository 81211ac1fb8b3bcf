/** What happens inside a worker node, and what follows from it. */
import { tryTell, type ActorContext, type Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type { Joined } from "@shoal/protocol";
import { begin } from "./handle-command.ts";
import type { HeldRun } from "./held-run.ts";
import {
  confirmStart,
  drop,
  refuseFinish,
  refuseStart,
  reply,
  type NodeEvent,
  type NodeMessage,
  type NodeState,
} from "./node-state.ts";

/** A failure is said again after this time, until the coordinator stops the run. */
const failureRepeatMs = 1_000;
const maximumFailureReports = 60;

/** Events of a run that is no longer held change nothing. */
export async function handleEvent(
  state: NodeState,
  event: NodeEvent,
  context: ActorContext<NodeMessage>,
): Promise<void> {
  switch (event.type) {
    case "node_joined":
      await joined(state, event.joined, context.self);
      if (state.deferred !== undefined) context.self.tell(state.deferred);
      state.deferred = undefined;
      return;
    case "node_leaving":
      // Beside the actor: the run's commands are heard meanwhile.
      void (state.held?.session.leave() ?? Promise.resolve()).then(event.left);
      return;
    case "node_closing":
      await drop(state, true);
      context.stop();
      return;
    case "session_prepared":
      if (state.held === event.held) prepared(state, event.held);
      return;
    case "session_finished":
      if (state.held === event.held) finished(state, event);
      return;
    case "session_not_finished":
      if (state.held === event.held) notFinished(state, event);
      return;
    case "session_failed":
      if (state.held === event.held) await failed(state, event, context);
      return;
    case "failure_due":
      if (state.held === event.held) reportFailure(state, event.held, context);
  }
}

/**
 * Under a new incarnation the run of the old one is not ours any more: its work has gone to others, its sequence numbers
 * are spent. We begin it again, because the command to do so may have come before the welcome, and then looked like a
 * repetition; if it was not meant for us any more, the coordinator stops it.
 */
async function joined(state: NodeState, next: Joined, self: Ref<NodeEvent>): Promise<void> {
  const { held } = state;
  state.joined = next;
  if (held === undefined || held.identity.incarnation === next.incarnation) return;
  await drop(state, true);
  if (held.phase === "preparing" || held.phase === "training") begin(state, held.command, self);
}

function prepared({ node }: NodeState, held: HeldRun): void {
  if (held.phase === "preparing") held.phase = "training";
  const confirmed = confirmStart(node, held);
  if (confirmed !== undefined) reply(held.startedFor, confirmed);
  held.startedFor = undefined;
}

function finished(
  { node }: NodeState,
  { held, finished: result }: Extract<NodeEvent, { type: "session_finished" }>,
): void {
  held.phase = "finished";
  held.finished = result;
  reply(held.finishedFor, { type: "run_finished", run: held.run, node, ...result });
}

/** The training is over and cannot go on: the coordinator chooses another worker, or asks again and hears the same. */
function notFinished({ node }: NodeState, { held, error }: Extract<NodeEvent, { type: "session_not_finished" }>): void {
  held.phase = "failed";
  held.failure = error;
  reply(held.finishedFor, refuseFinish(node, held.run, error.toJSON()));
}

async function failed(
  state: NodeState,
  { held, error }: Extract<NodeEvent, { type: "session_failed" }>,
  context: ActorContext<NodeMessage>,
): Promise<void> {
  const hasStarted = held.data !== undefined;
  held.phase = "failed";
  held.failure = error;
  reply(held.startedFor, refuseStart(state.node, held.run, error.toJSON()));
  held.startedFor = undefined;
  if (hasStarted) reportFailure(state, held, context);
  await held.session.stop();
}

function reportFailure({ environment }: NodeState, held: HeldRun, context: ActorContext<NodeMessage>): void {
  if (held.failureReports >= maximumFailureReports) return;
  held.failureReports += 1;
  const { run, worker: member, incarnation } = held.identity;
  const error = (held.failure ?? new ShoalError("internal", `run ${run} failed without an error`)).toJSON();
  tryTell(environment.coordinator, { type: "report_failure", run, member, incarnation, error });
  context.after(failureRepeatMs, { type: "failure_due", held });
}
