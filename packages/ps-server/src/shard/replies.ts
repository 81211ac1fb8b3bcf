/** Replies with their spans. */
import type { PullReply, PushReply, Refusal } from "@shoal/protocol";
import { answer, type PullTicket, type PushTicket } from "./requests.ts";
import type { ShardState } from "./shard-state.ts";
import { endQueue, endRead, traceAcknowledge } from "./spans.ts";

/** Answers a push whose wait has ended. @param before version before the update that it became part of */
export function acknowledge(
  state: ShardState,
  ticket: PushTicket,
  reply: PushReply | Refusal,
  before: number = state.progress.version,
): void {
  traceAcknowledge(state, ticket, reply, before);
  state.options.metrics.answered(reply);
  answer(ticket, reply);
}

/** Answers a push that does not become part of an update (now). */
export function turnAway(state: ShardState, ticket: PushTicket, reply: PushReply | Refusal, now: number): void {
  endQueue(state, ticket, now, []);
  acknowledge(state, ticket, reply);
}

export function answerPull(state: ShardState, ticket: PullTicket, reply: PullReply | Refusal, now: number): void {
  endRead(state, ticket, reply, now);
  answer(ticket, reply);
}
