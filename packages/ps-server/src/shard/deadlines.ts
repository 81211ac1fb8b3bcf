/** What happens to requests whose deadline comes while they wait: the sender is told for whom it waited. */
import type { Refusal } from "@shoal/protocol";
import { explainRoom } from "../replication/explain-room.ts";
import { listNames } from "./consistency.ts";
import { decideNow, missingOwners } from "./pull.ts";
import { refusePush } from "./refuse-push.ts";
import { answerPull, turnAway } from "./replies.ts";
import { refusal, type PushTicket, type Ticket } from "./requests.ts";
import { describeShard, notifyListeners, type ShardState } from "./shard-state.ts";

/**
 * Answers the requests whose deadline has come. A pull is forgotten. A push whose gradient is folded still counts and
 * its repetition waits on; one whose gradient is only borrowed gives it back and does not count: with its carrier's
 * request the slot is empty again, and whoever waits for it is told to push again.
 */
export function expireRequests(state: ShardState, now: number): void {
  for (const ticket of state.waits.takeExpired(now)) {
    if (ticket.kind === "pull") answerPull(state, ticket, overdue(state, ticket, now), now);
    else expirePush(state, ticket, now);
  }
}

function expirePush(state: ShardState, ticket: PushTicket, now: number): void {
  const answer = overdue(state, ticket, now);
  if (giveUpDeferred(state, ticket, answer, now)) return;
  const slot = state.barrier.slotOf(ticket);
  const contribution = slot === undefined ? undefined : state.barrier.at(slot);
  if (contribution === undefined) return;
  if (contribution.fill === "staged" && contribution.carrier === ticket) {
    state.barrier.drop(contribution.slot);
    for (const other of contribution.requests) {
      state.waits.remove(other);
      turnAway(state, other, answer, now);
    }
    notifyListeners(state);
    return;
  }
  contribution.requests.splice(contribution.requests.indexOf(ticket), 1);
  turnAway(state, ticket, answer, now);
}

/** @returns false when the push does not wait for room in the log */
function giveUpDeferred(state: ShardState, ticket: PushTicket, answer: Refusal, now: number): boolean {
  const deferred = state.replication?.deferred ?? [];
  const place = deferred.findIndex((arrival) => arrival.ticket === ticket);
  const arrival = deferred[place];
  if (arrival === undefined) return false;
  deferred.splice(place, 1);
  refusePush(state, { ...arrival, now }, answer);
  return true;
}

function overdue(state: ShardState, ticket: Ticket, now: number): Refusal {
  const { waitingFor, reason } = explainWait(state, ticket);
  const waitedMs = now - ticket.sinceMs;
  const seconds = (waitedMs / 1000).toFixed(1);
  const sentence = `${describeShard(state)}: ${ticket.sender.name} waits for ${reason} since ${seconds} s`;
  return refusal("deadline_exceeded", sentence, {
    run: state.options.run,
    shard: state.options.shard,
    waiter: ticket.sender.name,
    waitingFor: waitingFor.join(", "),
    reason,
    waitedMs,
  });
}

/** For whom a request waits now, and why, as a phrase that follows "waits for". */
export function explainWait(
  state: ShardState,
  ticket: Ticket,
): { readonly waitingFor: readonly string[]; readonly reason: string } {
  if (ticket.kind === "pull") {
    const decision = decideNow(state, ticket);
    return { waitingFor: decision.kind === "wait" ? decision.waitingFor : [], reason: decision.reason };
  }
  const isDeferred = state.replication?.deferred.some((arrival) => arrival.ticket === ticket) === true;
  if (isDeferred || state.barrier.isComplete) return explainRoom(state);
  const waitingFor = missingOwners(state);
  return { waitingFor, reason: `the contribution to step ${state.progress.version} of ${listNames(waitingFor)}` };
}
