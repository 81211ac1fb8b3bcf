/** Requests that a shard cannot answer at once, and the answers it gives. */
import { tryTell } from "@shoal/actors";
import type { Context, Span } from "@opentelemetry/api";
import { ShoalError, type ErrorCode, type ErrorDetails } from "@shoal/errors";
import type { LinkIdentity, PullReply, PushReply, PushRequest, Refusal, ShardCommand } from "@shoal/protocol";

export type InitializeCommand = Extract<ShardCommand, { type: "initialize" }>;
export type PushCommand = Extract<ShardCommand, { type: "push" }>;
export type PullCommand = Extract<ShardCommand, { type: "pull" }>;

/** What a push says beside its gradient. */
export type PushHeader = Omit<PushRequest, "gradient">;

/** The trace a request belongs to, and its span while it waits. */
export interface RequestTrace {
  readonly context: Context;
  readonly span: Span;
}

interface Request {
  readonly sender: LinkIdentity;
  readonly trace: RequestTrace;
  /** Clock time at which it arrived and at which it must be answered, ms. */
  readonly sinceMs: number;
  readonly deadlineAtMs: number;
}

/** A push without its gradient, for as long as its reply is owed. */
export interface PushTicket extends Request {
  readonly kind: "push";
  readonly header: PushHeader;
  readonly replyTo: PushCommand["replyTo"];
}

/** A push on its way through the handler: `release` is still to be called, the reply still to be given. */
export interface PushArrival {
  readonly command: PushCommand;
  readonly ticket: PushTicket;
  /** Clock time, ms. */
  readonly now: number;
}

/** A pull, for as long as its reply is owed. */
export interface PullTicket extends Request {
  readonly kind: "pull";
  readonly clock: number;
  /** The same clock in the shard's count (bounded mode). */
  readonly position: number | undefined;
  readonly have: number | undefined;
  /** Wants the values of its very clock. */
  readonly former: boolean;
  readonly receive: PullCommand["receive"];
  readonly hasRoom: PullCommand["hasRoom"];
  readonly replyTo: PullCommand["replyTo"];
  /** For whom it was found to wait, when it had to wait at all. */
  waitedFor: readonly string[];
}

export type Ticket = PushTicket | PullTicket;

/** Tells the reply; a client that cannot be told (any more) is no concern of the shard's. */
export function answer(ticket: PushTicket, reply: PushReply | Refusal): void;
export function answer(ticket: PullTicket, reply: PullReply | Refusal): void;
export function answer(ticket: Ticket, reply: PushReply | PullReply | Refusal): void {
  tryTell(ticket.replyTo as { address: string; tell(message: typeof reply): void }, reply);
}

export function refusal(code: ErrorCode, sentence: string, details: ErrorDetails = {}): Refusal {
  return { type: "refused", error: new ShoalError(code, sentence, details).toJSON() };
}

/** True when both stand for the same push: one of them is a repetition. */
export function isSamePush(a: PushTicket, b: PushTicket): boolean {
  return (
    a.header.sequence === b.header.sequence &&
    a.sender.worker === b.sender.worker &&
    a.sender.incarnation === b.sender.incarnation
  );
}
