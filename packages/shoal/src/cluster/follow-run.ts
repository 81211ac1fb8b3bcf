/** Follows a run from submission to its end, whichever side of a network the coordinator is on. */
import type { ActorSystem, Ref } from "@shoal/actors";
import { isShoalError, ShoalError } from "@shoal/errors";
import {
  acceptorOf,
  runReplySchema,
  submitReplySchema,
  type CoordinatorMessage,
  type JobSpec,
  type RunReply,
  type RunStatus,
  type SubmitReply,
} from "@shoal/protocol";

const askDeadlineMs = 2_000;
/** A snapshot is looked up at its place first, which may be far away. */
const lookUpDeadlineMs = 20_000;
const pollMs = 100;
/** A coordinator that has not answered for so long is given up. */
const silenceMs = 30_000;
/** A restarted coordinator is back within this time, and nobody need know. */
const noticeMs = 3_000;

const endPhases: ReadonlySet<RunStatus["phase"]> = new Set(["completed", "failed", "cancelled"]);

/** True when nothing more will happen to the run. */
export function hasEnded(status: Pick<RunStatus, "phase">): boolean {
  return endPhases.has(status.phase);
}

/**
 * Submits a job, repeating the same submission until it is answered.
 * @returns the run's name
 * @throws ShoalError invalid_job and others - the coordinator refused it
 * @throws ShoalError deadline_exceeded - the coordinator did not answer for 30 s
 */
export async function submitRun(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  job: JobSpec,
  submission: string,
): Promise<string> {
  const reply = await insist(system, () =>
    system.ask<CoordinatorMessage, SubmitReply>(
      coordinator,
      (replyTo) => ({ type: "submit_run", submission, job, replyTo }),
      { deadlineMs: askDeadlineMs, reason: "to have the job accepted", accepts: acceptorOf(submitReplySchema) },
    ),
  );
  if (reply.type === "run_refused") throw ShoalError.deserialize(reply.error);
  return reply.run;
}

/**
 * Asks that a run go on from a snapshot, repeating the same submission until it is answered.
 * @param snapshot null: the newest
 * @returns the run's name
 * @throws ShoalError run_not_found, snapshot_corrupt, invalid_argument and others - the coordinator refused it
 * @throws ShoalError deadline_exceeded - the coordinator did not answer for 30 s
 */
export async function resumeRun(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
  snapshot: string | null,
  submission: string,
): Promise<string> {
  const reply = await insist(system, () =>
    system.ask<CoordinatorMessage, SubmitReply>(
      coordinator,
      (replyTo) => ({ type: "resume_run", submission, run, snapshot, replyTo }),
      { deadlineMs: lookUpDeadlineMs, reason: `to resume run ${run}`, accepts: acceptorOf(submitReplySchema) },
    ),
  );
  if (reply.type === "run_refused") throw ShoalError.deserialize(reply.error);
  return reply.run;
}

/**
 * Asks for a snapshot and waits until it is whole.
 * @returns the run's status then
 * @throws ShoalError run_not_found - the coordinator does not know the run; run_failed - it ends first, or the snapshot fails
 * @throws ShoalError deadline_exceeded - there is none within `limitMs`
 */
export async function takeSnapshot(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
  limitMs: number,
): Promise<RunStatus> {
  const asked = describedRun(
    await insist(system, () =>
      system.ask<CoordinatorMessage, RunReply>(coordinator, (replyTo) => ({ type: "snapshot_run", run, replyTo }), {
        deadlineMs: askDeadlineMs,
        reason: `to have a snapshot of run ${run}`,
        accepts: acceptorOf(runReplySchema),
      }),
    ),
    run,
  );
  const before = asked.snapshots;
  const endAt = system.clock.now() + limitMs;
  for (;;) {
    const status = await describeRun(system, coordinator, run);
    const newest = status.snapshots?.newest?.snapshot;
    const failure = status.snapshots?.failure ?? null;
    if (newest !== undefined && newest !== before?.newest?.snapshot) return status;
    if (failure !== null && failure !== before?.failure) throw new ShoalError("run_failed", failure, { run });
    if (hasEnded(status)) throw new ShoalError("run_failed", `run ${run} is ${status.phase}`, { run });
    if (system.clock.now() > endAt) {
      throw new ShoalError("deadline_exceeded", `run ${run} has no new snapshot after ${limitMs / 1000} s`, { run });
    }
    await pause(system, pollMs);
  }
}

/**
 * Yields the status of a run about ten times a second, the final one last.
 * @param onSilence told once each time the coordinator stops answering; following goes on for 30 s
 */
export async function* followRun(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
  onSilence: (sentence: string) => void = () => undefined,
): AsyncGenerator<RunStatus, RunStatus> {
  for (;;) {
    const status = await describeRun(system, coordinator, run, onSilence);
    yield status;
    if (hasEnded(status)) return status;
    await pause(system, pollMs);
  }
}

/** @throws ShoalError run_not_found - the coordinator does not know the run */
export async function describeRun(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
  onSilence: (sentence: string) => void = () => undefined,
): Promise<RunStatus> {
  const ask = (): Promise<RunReply> =>
    system.ask<CoordinatorMessage, RunReply>(coordinator, (replyTo) => ({ type: "describe_run", run, replyTo }), {
      deadlineMs: askDeadlineMs,
      reason: `to follow run ${run}`,
      accepts: acceptorOf(runReplySchema),
    });
  const reply = await insist(system, ask, onSilence);
  return describedRun(reply, run);
}

/**
 * Asks that a run be stopped; the run's last status tells when it has.
 * @returns its status now
 * @throws ShoalError run_not_found - the coordinator does not know the run
 */
export async function cancelRun(
  system: ActorSystem,
  coordinator: Ref<CoordinatorMessage>,
  run: string,
): Promise<RunStatus> {
  const reply = await system.ask<CoordinatorMessage, RunReply>(
    coordinator,
    (replyTo) => ({ type: "cancel_run", run, replyTo }),
    {
      deadlineMs: askDeadlineMs,
      reason: `to cancel run ${run}`,
      accepts: acceptorOf(runReplySchema),
    },
  );
  return describedRun(reply, run);
}

function describedRun(reply: RunReply, run: string): RunStatus {
  if (reply.type === "run_described") return reply.status;
  throw new ShoalError(
    "run_not_found",
    `the coordinator knows no run ${run}; \`shoal status\` lists those it knows, \`shoal runs\` those that left snapshots`,
    { run },
  );
}

/** The error of a run that did not complete. */
export function failureOf(status: RunStatus): ShoalError | null {
  if (status.phase === "completed") return null;
  if (status.error !== null) return ShoalError.deserialize(status.error);
  const code = status.phase === "cancelled" ? "cancelled" : "run_failed";
  return new ShoalError(code, `run ${status.run} ${status.phase}: ${status.reason}`, { run: status.run });
}

/** Repeats an ask over lost messages and reconnections until the coordinator has been silent for too long. */
async function insist<R>(
  system: ActorSystem,
  ask: () => Promise<R>,
  onSilence: (sentence: string) => void = () => undefined,
): Promise<R> {
  const start = system.clock.now();
  let said = false;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const passing = ["deadline_exceeded", "transport_lost", "actor_not_found", "mailbox_full"] as const;
      const isPassing = passing.some((code) => isShoalError(error, code));
      if (!isPassing || system.clock.now() - start > silenceMs) throw error;
      if (!said && system.clock.now() - start >= noticeMs) {
        said = true;
        onSilence(`the coordinator does not answer; giving it ${silenceMs / 1000} s`);
      }
      await pause(system, pollMs);
    }
  }
}

function pause(system: ActorSystem, ms: number): Promise<void> {
  return new Promise((resolve) => void system.clock.after(ms, resolve));
}
