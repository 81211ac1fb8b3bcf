/**
 * The life of one actor: its mailbox, its behaviour, its children, and what happens when it fails.
 *
 * Boundary    Knows no addresses but its own and no bus; `CellHost` is its way to the system.
 * State       running -> (restarting -> running)* -> stopped
 * Invariants
 *   I1  no message is begun between a failure and the behaviour's replacement.
 *   I2  a behaviour is replaced only when its last handler and all its children have ended (or 2 s went by).
 *   I3  an asker whose message is dropped (failure, stop, expiry) is told.
 */
import { ShoalError } from "@shoal/errors";
import type { Context } from "@opentelemetry/api";
import type { ActorRef } from "./actor-ref.ts";
import { createActorTimers, type ActorTimers } from "./actor-timers.ts";
import type { Address } from "./address.ts";
import type { ActorContext, ActorOptions, Behavior, BehaviorFactory } from "./behavior.ts";
import { settledWithin } from "./deadline.ts";
import { createMailbox, type Mailbox } from "./mailbox.ts";
import type { Random } from "./random.ts";
import type { Message, Ref } from "./ref.ts";
import {
  decideSupervision,
  defaultSupervision,
  restartsInWindow,
  type SupervisionDecision,
  type SupervisionSettings,
} from "./supervision.ts";
import type { ActorFailure, ActorSystem, MailboxReport } from "./system.ts";
import { runInContext } from "./trace-context.ts";

export const defaultCapacity = 1024;

/** How long a stop or restart waits for a running handler, and a stop for `onStop`. */
export const stopLimitMs = 2000;

/** A message on its way into a mailbox. */
export interface Delivery {
  readonly message: unknown;
  readonly context: Context | undefined;
  /** The reply address of an ask: who is told about errors. */
  readonly from: Address | undefined;
  /** Clock time after which nobody waits for the answer. */
  readonly expiresAt: number | undefined;
}

/** What a cell needs of the system. */
export interface CellHost {
  readonly system: ActorSystem;
  /** @throws ShoalError `invalid_argument` - the name is taken or malformed */
  spawnCell<C extends Message>(
    name: string,
    create: BehaviorFactory<C>,
    options: ActorOptions<C> | undefined,
    parent: ActorCell | undefined,
  ): { readonly ref: Ref<C>; readonly cell: ActorCell };
  answerError(from: Address, error: ShoalError): void;
  report(failure: ActorFailure): void;
  /** The cell has stopped; its name is free. */
  release(cell: ActorCell): void;
}

interface Entry extends Delivery {
  readonly receivedAt: number;
  readonly isControl: boolean;
}

/** An actor as the system and its parent see it. */
export interface ActorCell {
  readonly name: string;
  readonly accepts: ((body: unknown) => unknown) | undefined;
  /** Makes the behaviour. @throws whatever the factory throws */
  start(): void;
  /** @throws ShoalError `mailbox_full` */
  accept(delivery: Delivery): void;
  /** A child escalated its failure to this actor. */
  failFromChild(error: ShoalError): void;
  /** A child has stopped. */
  forget(child: ActorCell): void;
  stop(): Promise<void>;
  report(): MailboxReport;
}

export interface CellSpecification<M extends Message> {
  readonly self: ActorRef<M>;
  readonly create: BehaviorFactory<M>;
  readonly options: ActorOptions<M>;
  readonly parent: ActorCell | undefined;
}

/** Makes a cell that takes messages already but begins none before `start`. */
export function createActorCell<M extends Message>(host: CellHost, specification: CellSpecification<M>): ActorCell {
  return new Cell(host, specification);
}

class Cell<M extends Message> implements ActorCell {
  readonly name: string;
  readonly accepts: ((body: unknown) => unknown) | undefined;
  readonly #host: CellHost;
  readonly #specification: CellSpecification<M>;
  readonly #settings: SupervisionSettings;
  readonly #capacity: number;
  readonly #mailbox: Mailbox<Entry>;
  readonly #isControl: ((message: M) => boolean) | undefined;
  readonly #random: Random;
  readonly #children = new Set<ActorCell>();
  readonly #counts = { received: 0, handled: 0, failed: 0, rejected: 0, expired: 0 };
  #life:
    { readonly behavior: Behavior<M>; readonly context: ActorContext<M>; readonly timers: ActorTimers<M> } | undefined;
  #restartedAt: readonly number[] = [];
  #phase: "running" | "restarting" | "stopped" = "running";
  #stopping: Promise<void> | undefined;
  #endBackoff: (() => void) | undefined;

  constructor(host: CellHost, specification: CellSpecification<M>) {
    const { self, options } = specification;
    this.name = self.name;
    this.accepts = options.accepts;
    this.#host = host;
    this.#specification = specification;
    this.#random = host.system.random.fork(self.address);
    this.#settings = { ...defaultSupervision, ...options.supervision };
    this.#capacity = options.capacity ?? defaultCapacity;
    this.#isControl = options.isControl;
    this.#mailbox = createMailbox({ capacity: this.#capacity, handle: (entry) => this.#handle(entry) });
  }

  /** Makes a behaviour with a life of its own. @throws whatever the factory throws */
  start(): void {
    const { self, create } = this.#specification;
    const { clock } = this.#host.system;
    const timers = createActorTimers<M>(self.address, clock, (message) => this.#offer({ ...plain, message }));
    const context = this.#createContext(timers);
    try {
      this.#life = { behavior: create(context), context, timers };
      if (this.#phase === "stopped") timers.cancelAll();
    } catch (error) {
      timers.cancelAll();
      void this.#stopChildren();
      throw error;
    }
  }

  accept(delivery: Delivery): void {
    if (this.#phase === "stopped") {
      if (delivery.from !== undefined) this.#host.answerError(delivery.from, this.#stoppedError());
      return;
    }
    if (this.#offer(delivery)) return;
    this.#counts.rejected++;
    const { address } = this.#specification.self;
    throw new ShoalError("mailbox_full", `the mailbox of ${address} holds ${String(this.#mailbox.depth)} messages`, {
      actor: address,
      capacity: this.#capacity,
    });
  }

  failFromChild(error: ShoalError): void {
    this.#fail(error, undefined);
  }

  forget(child: ActorCell): void {
    this.#children.delete(child);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  report(): MailboxReport {
    const { depth, oldest } = this.#mailbox;
    const oldestMs = oldest === undefined ? 0 : this.#host.system.clock.now() - oldest.receivedAt;
    return { address: this.#specification.self.address, ...this.#counts, depth, oldestMs };
  }

  #offer(delivery: Delivery): boolean {
    const { message, context, from, expiresAt } = delivery;
    const isControl = this.#isControl?.(message as M) ?? false;
    const receivedAt = this.#host.system.clock.now();
    if (!this.#mailbox.offer({ message, context, from, expiresAt, receivedAt, isControl }, isControl)) return false;
    this.#counts.received++;
    return true;
  }

  async #handle(entry: Entry): Promise<void> {
    const life = this.#life;
    if (life === undefined || this.#hasExpired(entry)) return;
    try {
      const handled = runInContext(entry.context, () => life.behavior(entry.message as M, life.context));
      if (handled !== undefined) await handled;
      this.#counts.handled++;
    } catch (thrown) {
      const error = ShoalError.from(thrown);
      this.#counts.failed++;
      this.#fail(error, (entry.message as M).type);
      if (entry.from !== undefined) this.#host.answerError(entry.from, error); // I3
    }
  }

  /** Control is handled also when its asker has gone: "stop" means stop. */
  #hasExpired(entry: Entry): boolean {
    if (entry.expiresAt === undefined || entry.isControl) return false;
    if (this.#host.system.clock.now() <= entry.expiresAt) return false;
    this.#counts.expired++;
    return true;
  }

  #fail(error: ShoalError, messageType: string | undefined): void {
    if (this.#phase !== "running") return;
    const { clock } = this.#host.system;
    const { self, parent } = this.#specification;
    const state = { restartedAt: this.#restartedAt, hasParent: parent !== undefined };
    const decision = decideSupervision(
      state,
      this.#settings,
      this.#random.fork(`restart-${String(this.#counts.failed)}`).uniform(),
      clock.now(),
    );
    this.#mailbox.pause(); // I1
    this.#host.report({ address: self.address, messageType, error, decision });
    this.#carryOut(decision, error);
  }

  #carryOut(decision: SupervisionDecision, error: ShoalError): void {
    switch (decision.kind) {
      case "restart":
        void this.#restart(decision.delayMs);
        return;
      case "escalate":
        void this.stop();
        this.#specification.parent?.failFromChild(error);
        return;
      case "stop":
        void this.stop();
        return;
    }
  }

  async #restart(delayMs: number): Promise<void> {
    const { clock } = this.#host.system;
    this.#phase = "restarting";
    this.#life?.timers.cancelAll();
    const ended = settledWithin(clock, Promise.all([this.#stopChildren(), this.#mailbox.settled()]), stopLimitMs);
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(delayMs, resolve);
    this.#endBackoff = () => {
      timer.cancel();
      resolve();
    };
    await Promise.all([ended, waited]); // I2
    if (this.#stopping !== undefined) return;
    const now = clock.now();
    this.#restartedAt = [...restartsInWindow(this.#restartedAt, this.#settings, now), now];
    this.#phase = "running";
    try {
      this.start();
      this.#mailbox.resume();
    } catch (thrown) {
      this.#fail(ShoalError.from(thrown), undefined);
    }
  }

  async #stop(): Promise<void> {
    const { clock } = this.#host.system;
    this.#phase = "stopped";
    this.#endBackoff?.();
    this.#life?.timers.cancelAll();
    this.#mailbox.pause();
    for (const { from } of this.#mailbox.clear()) {
      if (from !== undefined) this.#host.answerError(from, this.#stoppedError()); // I3
    }
    await settledWithin(clock, Promise.all([this.#stopChildren(), this.#mailbox.settled()]), stopLimitMs);
    await settledWithin(clock, this.#runOnStop(), stopLimitMs);
    this.#specification.parent?.forget(this);
    this.#host.release(this);
  }

  async #runOnStop(): Promise<void> {
    const { self, options } = this.#specification;
    try {
      await options.onStop?.();
    } catch (thrown) {
      const decision = { kind: "stop", reason: "it had stopped when its onStop failed" } as const;
      this.#host.report({ address: self.address, messageType: undefined, error: ShoalError.from(thrown), decision });
    }
  }

  async #stopChildren(): Promise<void> {
    const children = [...this.#children];
    this.#children.clear();
    await Promise.all(children.map((child) => child.stop()));
  }

  #createContext(timers: ActorTimers<M>): ActorContext<M> {
    const { system } = this.#host;
    return {
      self: this.#specification.self,
      system,
      clock: system.clock,
      random: this.#random,
      after: (delayMs, message) => timers.after(delayMs, message),
      spawn: (name, create, options) => {
        const { ref, cell } = this.#host.spawnCell(name, create, options, this);
        this.#children.add(cell);
        return ref;
      },
      stop: () => {
        void this.stop();
      },
    };
  }

  #stoppedError(): ShoalError {
    const { address } = this.#specification.self;
    return new ShoalError("actor_stopped", `${address} stopped before it handled the message`, { actor: address });
  }
}

const plain = { context: undefined, from: undefined, expiresAt: undefined };
