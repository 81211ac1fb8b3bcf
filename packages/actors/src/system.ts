/** The actor system of one node: where its actors live, and its end of the bus. */
import type { ShoalError } from "@shoal/errors";
import type { Address } from "./address.ts";
import type { ActorOptions, BehaviorFactory } from "./behavior.ts";
import type { Bus } from "./bus/bus.ts";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";
import type { AskOptions, Group, Message, Ref } from "./ref.ts";
import type { SupervisionDecision } from "./supervision.ts";

/** One pending ask. */
export interface Wait {
  /** Who waits: the asker's `owner`, or the node. */
  readonly owner: string;
  readonly waitingFor: Address;
  readonly reason: string;
  /** Clock time at which the wait began, ms since the Unix epoch. */
  readonly sinceMs: number;
  /** Clock time at which it ends without an answer. */
  readonly deadlineAtMs: number;
}

/** A handler that failed, and what was decided about its actor. */
export interface ActorFailure {
  readonly address: Address;
  /** Tag of the message that was being handled; undefined when the factory or `onStop` failed. */
  readonly messageType: string | undefined;
  readonly error: ShoalError;
  readonly decision: SupervisionDecision;
}

/** Counts of one mailbox since the actor was spawned. */
export interface MailboxReport {
  readonly address: Address;
  readonly received: number;
  readonly handled: number;
  readonly failed: number;
  /** Refused because the mailbox was full. */
  readonly rejected: number;
  /** Not handled because their asker had given up. */
  readonly expired: number;
  /** Waiting now. */
  readonly depth: number;
  /** Age of the oldest waiting message in ms, 0 when none waits. */
  readonly oldestMs: number;
}

/** What happened at the node's end of the bus since it was made. */
export interface SystemCounters {
  readonly sent: number;
  readonly received: number;
  /** Messages to actors that do not exist (any more), and replies that came after their deadline. */
  readonly deadLetters: number;
  /** Arrivals whose bytes were no envelope. */
  readonly malformed: number;
  /** Arrivals that their actor's `accepts` refused. */
  readonly refused: number;
}

export interface ActorSystem {
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Starts an actor; the behaviour is made before `spawn` returns.
   * @throws ShoalError `invalid_argument` - the name is taken, reserved (`reply-…`) or malformed
   * @throws whatever `create` throws
   */
  spawn<M extends Message>(name: string, create: BehaviorFactory<M>, options?: ActorOptions<M>): Ref<M>;
  /** The ref of an address, in this node or another. @throws ShoalError `invalid_argument` - it is not an address */
  ref<M>(address: Address): Ref<M>;
  /**
   * Tells a message that carries a reply address and waits for one reply. For edges and tests: never await it inside a
   * handler. A target that fails while handling the message, refuses it or does not exist answers with its error.
   *
   * @throws ShoalError `deadline_exceeded` - names the target and the reason
   * @throws ShoalError `actor_not_found`, `actor_stopped`, `mailbox_full`, `codec_failed`, `transport_lost`,
   *   `payload_too_large`, or what the handler failed with
   */
  ask<M, R>(target: Ref<M>, make: (replyTo: Ref<R>) => M, options: AskOptions<R>): Promise<R>;
  group<M>(members: readonly Ref<M>[]): Group<M>;
  /** Every pending ask, oldest first. */
  waits(): readonly Wait[];
  /** One report an actor, in the order they were spawned. */
  mailboxes(): readonly MailboxReport[];
  counters(): SystemCounters;
  /** Settles when other nodes can reach this one. */
  ready(): Promise<void>;
  /** False while the node is cut off from its bus: then the silence of others says nothing about them. */
  connected(): boolean;
  /**
   * Stops every actor, children first, waits at most 2 s for running handlers, leaves the bus and rejects pending
   * asks with `cancelled`. Later calls return the same promise.
   */
  stop(): Promise<void>;
}

export interface ActorSystemOptions {
  /** This node's name, unique on its bus. */
  readonly node: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of every failure; a failure is not logged anywhere else. */
  readonly onFailure?: (failure: ActorFailure) => void;
}
