/** What the coordinator's commands do to a worker node. */
import { tryTell, type Ref } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import type {
  AssignWork,
  DescribeWork,
  FinishRun,
  LinkIdentity,
  StartRun,
  StopRun,
  WorkDescribed,
  WorkerCommand,
} from "@shoal/protocol";
import { decideStart } from "./decide-start.ts";
import { absent, describeHeld } from "./describe-work.ts";
import type { HeldRun } from "./held-run.ts";
import {
  attemptOf,
  confirmStart,
  drop,
  refuseFinish,
  refuseStart,
  reply,
  type NodeEvent,
  type NodeState,
} from "./node-state.ts";
import { answerReadRounds } from "./read-rounds.ts";
import { startSession, type SessionListener } from "./run-session.ts";

/** @param self where the sessions of this node report to */
export async function handleCommand(state: NodeState, command: WorkerCommand, self: Ref<NodeEvent>): Promise<void> {
  switch (command.type) {
    case "start_run":
      await handleStart(state, command, self);
      return;
    case "assign_work":
      handleAssign(state, command);
      return;
    case "finish_run":
      handleFinish(state, command, self);
      return;
    case "stop_run":
      await handleStop(state, command);
      return;
    case "save_slots":
      if (state.held?.run === command.run) state.held.session.saveSlots(command);
      return;
    case "describe_work":
      handleDescribe(state, command);
      return;
    case "read_rounds":
      answerReadRounds(state, command);
  }
}

async function handleStart(state: NodeState, command: StartRun, self: Ref<NodeEvent>): Promise<void> {
  const { node, joined, held } = state;
  const { run, replyTo } = command;
  const attempt = attemptOf(command);
  const decision = decideStart({
    run,
    attempt,
    incarnation: joined?.incarnation,
    held: held && { ...held, attempt: attemptOf(held.command), incarnation: held.identity.incarnation },
    isOver: isOver(state, run, attempt),
  });
  const refuse = (error: ShoalError): void => reply(replyTo, refuseStart(node, run, error.toJSON()));
  switch (decision.kind) {
    case "refuse":
      refuse(new ShoalError(decision.code, `${node} cannot start run ${run}: ${decision.reason}`, { node, run }));
      return;
    case "repeat_failure":
      if (held?.failure !== undefined) refuse(held.failure);
      return;
    case "defer":
      state.deferred = command;
      return;
    case "wait":
      if (held !== undefined) held.startedFor = replyTo;
      followStart(state, command);
      return;
    case "confirm": {
      const confirmed = held && confirmStart(node, held);
      followStart(state, command);
      if (confirmed !== undefined) reply(replyTo, confirmed);
      return;
    }
    case "replace":
      await drop(state);
      begin(state, command, self);
      return;
    case "begin":
      begin(state, command, self);
  }
}

function followStart({ held }: NodeState, command: StartRun): void {
  if (held === undefined) return;
  held.command = command;
  held.session.assign(command.assignment);
  held.session.follow(command.placement);
}

/** Starts a session of the run as the member that this node is now. */
export function begin(state: NodeState, command: StartRun, self: Ref<NodeEvent>): void {
  const { joined, node, environment } = state;
  if (joined === undefined) return;
  const { run, replyTo } = command;
  const identity: LinkIdentity = { run, worker: joined.member, incarnation: joined.incarnation, name: node };
  // Told asynchronously by the session, so `held` is complete by then.
  const listener: SessionListener = {
    prepared(data) {
      held.data = { dataSource: data.dataSource, trainSamples: data.trainSamples };
      self.tell({ type: "session_prepared", held });
    },
    failed: (error) => self.tell({ type: "session_failed", held, error }),
  };
  const held: HeldRun = {
    run,
    identity,
    session: startSession(command, identity, environment, listener),
    heldSinceMs: environment.system.clock.now(),
    phase: "preparing",
    command,
    startedFor: replyTo,
    finishedFor: undefined,
    data: undefined,
    finished: undefined,
    failure: undefined,
    failureReports: 0,
  };
  state.held = held;
}

function handleAssign(state: NodeState, { run, assignment, placement, replyTo }: AssignWork): void {
  const { node, held } = state;
  if (held?.run !== run) {
    if (isOver(state, run)) reply(replyTo, refuseStart(node, run, stoppedHere(node, run)));
    return;
  }
  const { session } = held;
  session.assign(assignment, replyTo);
  if (placement !== undefined) {
    session.follow(placement);
    // Begun again, the run begins where the shards are.
    if (placement.term > held.command.placement.term) held.command = { ...held.command, placement };
  }
  reply(replyTo, { type: "work_assigned", run, node, revision: session.revision, term: session.term });
}

function handleFinish(state: NodeState, { run, replyTo }: FinishRun, self: Ref<NodeEvent>): void {
  const { node, held } = state;
  if (held?.run !== run) {
    if (isOver(state, run)) reply(replyTo, refuseFinish(node, run, stoppedHere(node, run)));
    return;
  }
  if (held.phase === "failed") {
    const error = held.failure ?? new ShoalError("run_failed", `run ${run} failed on ${node}`);
    reply(replyTo, refuseFinish(node, run, error.toJSON()));
    return;
  }
  held.finishedFor = replyTo;
  if (held.phase === "finished" && held.finished !== undefined) {
    reply(replyTo, { type: "run_finished", run, node, ...held.finished });
    return;
  }
  if (held.phase === "finishing") return;
  held.phase = "finishing";
  held.session.finish().then(
    (finished) => self.tell({ type: "session_finished", held, finished }),
    (error: unknown) => self.tell({ type: "session_not_finished", held, error: ShoalError.from(error) }),
  );
}

async function handleStop(state: NodeState, command: StopRun): Promise<void> {
  const { node, held, joined, deferred } = state;
  const { run, replyTo } = command;
  const attempt = attemptOf(command);
  const isMeant = (start: StartRun | undefined): boolean => start?.run === run && attemptOf(start) <= attempt;
  if (isMeant(deferred)) state.deferred = undefined;
  if (held !== undefined && isMeant(held.command)) {
    await drop(state, false, command.isOver === true ? command.reason : undefined);
    await held.session.forget();
  } else if (held?.run !== run && joined !== undefined) state.ended.add(run, joined.incarnation, attempt);
  reply(replyTo, { type: "run_stopped", run, node });
}

/** Told at once from what is noted: a question must not hold up a run. */
function handleDescribe({ node, held, environment }: NodeState, { run, replyTo }: DescribeWork): void {
  const work = held?.run === run ? describeHeld(held, environment.system.clock.now()) : absent;
  tryTell<WorkDescribed>(replyTo, { type: "work_described", run, node, work });
}

/**
 * The run was stopped in this life of the node. A command for a run that this life never heard of is meant for a process
 * before this one: it says nothing to that, because the coordinator would take its answer for that of the life it knows.
 */
function isOver({ joined, ended }: NodeState, run: string, attempt = 0): boolean {
  return joined !== undefined && ended.has(run, joined.incarnation, attempt);
}

function stoppedHere(node: string, run: string): ReturnType<ShoalError["toJSON"]> {
  return new ShoalError("cancelled", `${node} takes no part in run ${run} any more`, { node, run }).toJSON();
}
