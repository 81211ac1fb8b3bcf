/** What one actor holds of another: an address to tell messages to. */
import type { ShoalError } from "@shoal/errors";
import type { Address } from "./address.ts";

/** Every message is plain data with a tag; a `Ref` is the only object with behaviour that it may hold. */
export interface Message {
  readonly type: string;
}

/**
 * Handle to an actor that accepts messages of type M. Inside a message it travels as its address and is a working
 * `Ref` again on arrival.
 */
export interface Ref<M> {
  readonly address: Address;
  /**
   * Hands the message over and returns before it is handled; delivery is at most once. Keeps the message: the
   * sender must not change it afterwards. A message to an actor that no longer exists is dropped and counted.
   *
   * @throws ShoalError `mailbox_full` - the actor is in this process and its mailbox is at its capacity
   * @throws ShoalError `payload_too_large`, `codec_failed` - the message cannot travel over the bus
   * @throws ShoalError `transport_lost` - the bus has no connection
   */
  tell(message: M): void;
}

/** What became of one member of a group. */
export type MemberOutcome<M, R> =
  | { readonly kind: "replied"; readonly member: Ref<M>; readonly reply: R }
  | { readonly kind: "failed"; readonly member: Ref<M>; readonly error: ShoalError };

/** A member that a message could not be handed to. */
export interface TellFailure<M> {
  readonly member: Ref<M>;
  readonly error: ShoalError;
}

/** How long an ask may wait and what it is for; both appear in the error and in `waits()`. */
export interface AskOptions<R = unknown> {
  /** From now, in ms, above 0. */
  readonly deadlineMs: number;
  /** Why the asker waits, as a phrase: "to join the cluster". */
  readonly reason: string;
  /** Who waits, when it is not simply the node. */
  readonly owner?: string;
  /** Checks a reply that came over the bus. @throws ShoalError `codec_failed` - which then rejects the ask */
  readonly accepts?: (body: unknown) => R;
}

/** Several actors spoken to at once. */
export interface Group<M> {
  readonly members: readonly Ref<M>[];
  /** Tells every member, also when some cannot be told; returns those that could not. */
  tell(message: M): readonly TellFailure<M>[];
  /** Asks every member; settles when each has replied or failed, in the order of `members`. Never rejects. */
  askAll<R>(make: (replyTo: Ref<R>) => M, options: AskOptions<R>): Promise<readonly MemberOutcome<M, R>[]>;
}
