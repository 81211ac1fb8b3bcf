/** When a desired command is sent, sent again, and given up. */
import { failRun, sentenceOf } from "../runs/end-run.ts";
import { withServer, withWorker, type Delivery, type RunState } from "../runs/run-state.ts";
import { onlyLearns } from "../seats/run-seats.ts";
import type { CoordinatorSettings } from "../settings.ts";
import { desiredCommands, type DesiredCommand } from "./desired-commands.ts";

export interface DeliveryStep {
  readonly run: RunState;
  /** To be sent now. */
  readonly send: readonly DesiredCommand[];
  /** Unanswered for longer than they may be; the run has failed for it, or gives the cleaning up. */
  readonly overdue: readonly DesiredCommand[];
}

/**
 * Decides which commands go out now. The interval between repetitions doubles. One that stays unanswered for its time
 * fails the run and names the member; cleaning up is given up instead.
 */
export function decideDeliveries(run: RunState, now: number, settings: CoordinatorSettings): DeliveryStep {
  const desired = desiredCommands(run, settings);
  const overdue = desired.filter((each) => isOverdue(run.deliveries.get(each.key), each, now));
  const late = overdue[0];
  if (late !== undefined) return { run: giveUp(run, late, now), send: [], overdue };
  const send = desired.filter((each) => isDue(run.deliveries.get(each.key), now, settings));
  if (send.length === 0 && desired.length === run.deliveries.size) return { run, send, overdue };
  const deliveries = new Map<string, Delivery>();
  for (const { key } of desired) {
    const known = run.deliveries.get(key);
    if (known !== undefined) deliveries.set(key, known);
  }
  for (const { key } of send) {
    const known = deliveries.get(key);
    deliveries.set(key, {
      firstSentAtMs: known?.firstSentAtMs ?? now,
      lastSentAtMs: now,
      attempts: (known?.attempts ?? 0) + 1,
    });
  }
  return { run: send.reduce(noteInvitation, { ...run, deliveries }), send, overdue };
}

function isOverdue(delivery: Delivery | undefined, { timeoutMs }: DesiredCommand, now: number): boolean {
  return delivery !== undefined && now - delivery.firstSentAtMs >= timeoutMs;
}

function isDue(delivery: Delivery | undefined, now: number, settings: CoordinatorSettings): boolean {
  if (delivery === undefined) return true;
  const interval = Math.min(settings.maximumResendMs, settings.resendMs * 2 ** Math.min(delivery.attempts - 1, 20));
  return now - delivery.lastSentAtMs >= interval;
}

/** The first invitation's revision is what its answer proves: a later one may carry more, and be the one that is lost. */
function noteInvitation(run: RunState, sent: DesiredCommand): RunState {
  const { revision, servedRevision } = run.roster;
  if (sent.kind === "host_shards") {
    const server = run.servers.find((each) => each.member === sent.member);
    if (server?.invitedRevision === null) return withServer(run, { ...server, invitedRevision: servedRevision });
  }
  if (sent.kind === "start_run") {
    const worker = run.workers.get(sent.member);
    if (worker?.invitedRevision === null) return withWorker(run, { ...worker, invitedRevision: revision });
  }
  return run;
}

function giveUp(run: RunState, late: DesiredCommand, now: number): RunState {
  switch (late.kind) {
    case "release_run": {
      const server = run.servers.find((each) => each.member === late.member);
      return server === undefined ? run : withServer(run, { ...server, alive: false });
    }
    case "stop_run": {
      const worker = run.workers.get(late.member);
      return worker === undefined ? run : withWorker(run, { ...worker, alive: false });
    }
    default: {
      const server = run.servers.find((each) => each.member === late.member);
      if (late.kind === "host_shards" && server !== undefined && onlyLearns(run, server)) {
        return withServer(run, { ...server, refuses: true });
      }
      const cause = run.lastFailure === null ? "" : `; the last failure was: ${sentenceOf(run.lastFailure)}`;
      const sentence = `${late.name} did not answer ${late.kind} of run ${run.run} within ${late.timeoutMs} ms${cause}`;
      return failRun(run, "deadline_exceeded", sentence, { waitingFor: late.name }, now);
    }
  }
}
