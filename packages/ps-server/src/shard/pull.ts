/** How a shard handles a pull: answers it when its gate is open, and lists it otherwise. */
import { ShoalError } from "@shoal/errors";
import { decidePull, type PullDecision, type PullFacts } from "./consistency.ts";
import { refusal, type PullCommand, type PullTicket } from "./requests.ts";
import { answerPull } from "./replies.ts";
import { describeShard, type ShardState } from "./shard-state.ts";
import { openTrace } from "./spans.ts";

/** Names that a list of those waited for holds at most. */
export const maximumNames = 64;

export function handlePull(state: ShardState, command: PullCommand, now: number): void {
  const { sender, clock, deadlineMs, receive, replyTo } = command;
  const position = state.progress.clocks.show(sender.worker, sender.incarnation, clock);
  const ticket: PullTicket = {
    kind: "pull",
    sender,
    trace: openTrace("read", now),
    sinceMs: now,
    deadlineAtMs: now + deadlineMs,
    clock,
    position,
    receive,
    replyTo,
    waitedFor: [],
  };
  if (tryToAnswer(state, ticket, now)) return;
  if (state.waits.isFull) {
    answerPull(state, ticket, refusal("mailbox_full", `${describeShard(state)}: too many requests wait already`), now);
  } else state.waits.add(ticket);
}

/** Answers every waiting pull whose gate is open by now, in the order in which they came. */
export function reconsiderPulls(state: ShardState, now: number): void {
  for (const ticket of state.waits.list()) {
    if (ticket.kind === "pull" && tryToAnswer(state, ticket, now)) state.waits.remove(ticket);
  }
}

/** @returns false when the pull has to wait; its ticket then says for whom */
function tryToAnswer(state: ShardState, ticket: PullTicket, now: number): boolean {
  const decision = decideNow(state, ticket);
  if (decision.kind === "wait") {
    ticket.waitedFor = decision.waitingFor;
    return false;
  }
  const { version } = state.progress;
  try {
    ticket.receive(state.vectors.values(), version);
    state.vectors.remember(ticket.sender.worker, version);
  } catch (error) {
    // The receiver's own failure: it costs its sender an error and nobody else anything.
    answerPull(state, ticket, { type: "refused", error: ShoalError.from(error).toJSON() }, now);
    return true;
  }
  answerPull(state, ticket, { type: "values", version }, now);
  return true;
}

/** Whether a pull may be answered as things stand. */
export function decideNow(state: ShardState, ticket: PullTicket): PullDecision {
  return decidePull(gatherPullFacts(state, ticket));
}

function gatherPullFacts(state: ShardState, ticket: PullTicket): PullFacts {
  const { roster, progress, options } = state;
  return {
    consistency: options.consistency,
    initialized: progress.initialized,
    version: progress.version,
    clock: ticket.clock,
    position: ticket.position,
    workers: () => roster.members.workers.slice(0, maximumNames).map(({ name }) => name),
    missing: () => missingOwners(state),
    below: (clock) =>
      progress.clocks
        .below(clock)
        .filter(({ worker }) => worker !== ticket.sender.worker)
        .slice(0, maximumNames)
        .map(({ worker }) => roster.nameOf(worker)),
  };
}

/** Names of those whose contribution to the current step has not come, without repetition. */
export function missingOwners(state: ShardState): readonly string[] {
  return [...new Set(state.barrier.empty(maximumNames).map((slot) => state.roster.ownerOf(slot)))];
}
