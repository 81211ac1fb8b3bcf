/** What an actor is made of: a factory for its behaviour, and what the behaviour may use. */
import type { ActorSystem } from "./system.ts";
import type { Clock, Timer } from "./clock.ts";
import type { Message, Ref } from "./ref.ts";
import type { Random } from "./random.ts";
import type { SupervisionSettings } from "./supervision.ts";

/**
 * Handles one message; the next one is not begun before it has returned (and its promise has settled). An exception
 * is a failure, which supervision decides about. It must not await an `ask`: it tells with `replyTo: context.self`
 * and handles the reply as a message, otherwise two actors that ask each other wait for ever.
 */
export type Behavior<M> = (message: M, context: ActorContext<M>) => void | Promise<void>;

/** Makes a behaviour with fresh state: at the start and after every restart. */
export type BehaviorFactory<M> = (context: ActorContext<M>) => Behavior<M>;

/** What the runtime gives to a behaviour. It belongs to one life of the actor: a restart brings a new one. */
export interface ActorContext<M> {
  readonly self: Ref<M>;
  readonly system: ActorSystem;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Delivers `message` to this actor after `delayMs`; cancelled by stop and restart. A timer that meets a full mailbox
   * tries again every 10 ms, so none is lost.
   * @throws ShoalError `mailbox_full` - the actor already has `maximumTimers` (1,024) pending
   */
  after(delayMs: number, message: M): Timer;
  /**
   * Starts an actor that stops with this one and escalates to it. Its name is unique in the node, as any other's.
   * @throws ShoalError `invalid_argument` - the name is taken or malformed
   */
  spawn<C extends Message>(name: string, create: BehaviorFactory<C>, options?: ActorOptions<C>): Ref<C>;
  /** Stops this actor once the current message is handled; what waits in its mailbox is not handled. */
  stop(): void;
}

/** How an actor is run. */
export interface ActorOptions<M> {
  /** Messages that may wait: 1,024 by default. Beyond it `tell` throws `mailbox_full`. */
  readonly capacity?: number;
  /**
   * Says which messages overtake the others (stop, heartbeat, membership). They may use `controlReserve` (64) places
   * beyond the capacity, so that a flood of data does not shut them out.
   */
  readonly isControl?: (message: M) => boolean;
  /**
   * Checks a message that arrives over the bus, from another node, and returns it typed. An actor without it can be
   * reached inside its node only. @throws ShoalError `codec_failed`
   */
  readonly accepts?: (body: unknown) => M;
  readonly supervision?: Partial<SupervisionSettings>;
  /** Runs once when the actor has stopped for good (not at a restart). */
  readonly onStop?: () => void | Promise<void>;
}
