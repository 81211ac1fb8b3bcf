/** Replies with their spans. */
import type { PullReply, PushReply, Refusal } from "@shoal/protocol";
import { deliverWhenCommitted } from "../replication/hold-reply.ts";
import { answer, type PullTicket, type PushTicket, type Ticket } from "./requests.ts";
import type { ShardState } from "./shard-state.ts";
import { endQueue, endRead, traceAcknowledge } from "./spans.ts";

/** Answers a push whose wait has ended. @param before version before the update that it became part of */
export function acknowledge(
  state: ShardState,
  ticket: PushTicket,
  reply: PushReply | Refusal,
  before: number = state.progress.version,
): void {
  const say = (told: PushReply | Refusal): void => {
    traceAcknowledge(state, ticket, told, before);
    state.options.metrics.answered(told);
    answer(ticket, told);
  };
  deliver(state, ticket, reply, say);
}

/** Errors say nothing about the shard that a replica would have to know. */
function deliver<R extends { readonly type: string }>(
  state: ShardState,
  ticket: Ticket,
  reply: R | Refusal,
  say: (told: R | Refusal) => void,
): void {
  if (reply.type === "refused") {
    say(reply);
    return;
  }
  const { kind, sender, trace, deadlineAtMs } = ticket;
  deliverWhenCommitted(state, {
    ...{ kind, waiter: sender.name, context: trace.context, deadlineAtMs },
    deliver: () => say(reply),
    refuse: say,
  });
}

/** Answers a push that does not become part of an update (now). */
export function turnAway(state: ShardState, ticket: PushTicket, reply: PushReply | Refusal, now: number): void {
  endQueue(state, ticket, now, []);
  acknowledge(state, ticket, reply);
}

export function answerPull(state: ShardState, ticket: PullTicket, reply: PullReply | Refusal, now: number): void {
  endRead(state, ticket, reply, now);
  deliver(state, ticket, reply, (told) => answer(ticket, told));
}
