/**
 * The actor system of one node: finds the way for every message, here or over the bus.
 *
 * Boundary    What an actor does with a message is its cell's business; how bytes travel is the bus's.
 * Bounds      65,536 pending asks; everything else is bounded by the actors' mailboxes.
 * Invariants
 *   I1  a message from the bus reaches an actor only through the actor's `accepts`.
 *   I2  an error envelope never causes another one.
 */
import { isShoalError, ShoalError } from "@shoal/errors";
import { createActorCell, type ActorCell, type CellHost } from "./actor-cell.ts";
import { ActorRef, type Router } from "./actor-ref.ts";
import { checkNamePart, makeAddress, parseAddress, type Address } from "./address.ts";
import { createAsks, replyPrefix, type Asks } from "./asks.ts";
import type { ActorOptions, BehaviorFactory } from "./behavior.ts";
import type { BusPort } from "./bus/bus.ts";
import type { Clock } from "./clock.ts";
import { settledWithin } from "./deadline.ts";
import type { MessageEnvelope, Envelope } from "./envelope/envelope.ts";
import { createGroup } from "./group.ts";
import type { Random } from "./random.ts";
import type { AskOptions, Group, Message, Ref } from "./ref.ts";
import type { ActorFailure, ActorSystem, ActorSystemOptions, MailboxReport, SystemCounters, Wait } from "./system.ts";
import { activeContext, extractTrace, injectTrace, runInContext } from "./trace-context.ts";

/** How long `stop` waits for the actors altogether. */
export const systemStopLimitMs = 2000;

/** Longest error sentence that is sent to another node, in characters. */
const maximumErrorLength = 2000;

/** Makes the system of a node and joins it to its bus. @throws ShoalError `invalid_argument` - the name is taken */
export function createActorSystem(options: ActorSystemOptions): ActorSystem {
  return new System(options);
}

/** What an ask adds to its message. */
interface AskTerms {
  readonly from: Address;
  readonly deadlineMs: number;
}

class System implements ActorSystem, CellHost, Router {
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly system: ActorSystem = this;
  readonly #cells = new Map<string, ActorCell>();
  readonly #roots = new Set<ActorCell>();
  readonly #counts = { sent: 0, received: 0, deadLetters: 0, malformed: 0, refused: 0 };
  readonly #asks: Asks;
  readonly #port: BusPort;
  readonly #onFailure: ((failure: ActorFailure) => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ActorSystemOptions) {
    this.node = checkNamePart(options.node, "node");
    this.clock = options.clock;
    this.random = options.random;
    this.#onFailure = options.onFailure;
    const incarnation = options.random.fork("reply names").integer(0x100000000).toString(36);
    this.#asks = createAsks(this.node, incarnation, this.clock);
    this.#port = options.bus.attach(this.node, {
      receive: (envelope) => {
        this.#receive(envelope);
      },
      malformed: () => {
        this.#counts.malformed++;
      },
      ref: (address) => new ActorRef(address, this),
    });
  }

  spawn<M extends Message>(name: string, create: BehaviorFactory<M>, options?: ActorOptions<M>): Ref<M> {
    const { ref, cell } = this.spawnCell(name, create, options, undefined);
    this.#roots.add(cell);
    return ref;
  }

  spawnCell<M extends Message>(
    name: string,
    create: BehaviorFactory<M>,
    options: ActorOptions<M> | undefined,
    parent: ActorCell | undefined,
  ): { readonly ref: Ref<M>; readonly cell: ActorCell } {
    this.#checkName(name);
    const self = new ActorRef<M>(makeAddress(this.node, name), this);
    const cell = createActorCell(this, { self, create, options: options ?? {}, parent });
    this.#cells.set(name, cell); // before the start: a factory may tell itself something
    try {
      cell.start();
    } catch (error) {
      this.release(cell);
      throw error;
    }
    return { ref: self, cell };
  }

  ref<M>(address: Address): Ref<M> {
    return new ActorRef<M>(address, this);
  }

  readonly ask = async <M, R>(target: Ref<M>, make: (replyTo: Ref<R>) => M, options: AskOptions<R>): Promise<R> => {
    if (this.#stopping !== undefined) throw this.#cancelled(target.address);
    const { name, reply } = this.#asks.open(target.address, options);
    const replyTo = new ActorRef<R>(`${this.node}/${name}`, this);
    try {
      const message = make(replyTo);
      if (target instanceof ActorRef) {
        this.#send(target, message, { from: replyTo.address, deadlineMs: options.deadlineMs });
      } else target.tell(message);
    } catch (error) {
      this.#asks.fail(name, ShoalError.from(error));
    }
    return reply;
  };

  group<M>(members: readonly Ref<M>[]): Group<M> {
    return createGroup(this.ask, members);
  }

  waits(): readonly Wait[] {
    return this.#asks.waits();
  }

  mailboxes(): readonly MailboxReport[] {
    return Array.from(this.#cells.values(), (cell) => cell.report());
  }

  counters(): SystemCounters {
    return { ...this.#counts };
  }

  connected(): boolean {
    return this.#port.connected();
  }

  ready(): Promise<void> {
    return this.#port.ready();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  route(target: ActorRef<unknown>, message: unknown): void {
    this.#send(target, message, undefined);
  }

  answerError(from: Address, error: ShoalError): void {
    const { node, name } = parseAddress(from);
    if (node === this.node) {
      this.#asks.fail(name, error);
      return;
    }
    const { code, message, details } = error;
    const serialized = { code, message: message.slice(0, maximumErrorLength), details };
    try {
      this.#port.send({ kind: "error", to: from, error: serialized });
    } catch {
      // The asker cannot be reached; its deadline is what remains.
    }
  }

  report(failure: ActorFailure): void {
    try {
      this.#onFailure?.(failure);
    } catch {
      // An observer that throws must not decide what becomes of the actor.
    }
  }

  release(cell: ActorCell): void {
    if (this.#cells.get(cell.name) === cell) this.#cells.delete(cell.name);
    this.#roots.delete(cell);
  }

  #send(target: ActorRef<unknown>, message: unknown, ask: AskTerms | undefined): void {
    if (target.node === this.node) this.#deliver(target, message, ask);
    else {
      const trace = injectTrace(activeContext());
      this.#port.send({ kind: "message", to: target.address, message, ...ask, ...(trace && { trace }) });
      this.#counts.sent++;
    }
  }

  #deliver(target: ActorRef<unknown>, message: unknown, ask: AskTerms | undefined): void {
    const cell = this.#cells.get(target.name);
    if (cell !== undefined) {
      const expiresAt = ask === undefined ? undefined : this.clock.now() + ask.deadlineMs;
      cell.accept({ message, context: activeContext(), from: ask?.from, expiresAt });
      return;
    }
    if (target.name.startsWith(replyPrefix) && this.#asks.settle(target.name, message, false)) return;
    this.#counts.deadLetters++;
    if (ask !== undefined) this.answerError(ask.from, notFound(target.address));
  }

  #receive(envelope: Envelope): void {
    this.#counts.received++;
    const { name } = parseAddress(envelope.to);
    if (envelope.kind === "error") {
      if (!this.#asks.fail(name, ShoalError.deserialize(envelope.error))) this.#counts.deadLetters++;
      return;
    }
    const cell = this.#cells.get(name);
    if (cell !== undefined) this.#receiveFor(cell, envelope);
    else if (!(name.startsWith(replyPrefix) && this.#asks.settle(name, envelope.message, true))) {
      this.#counts.deadLetters++;
      this.#refuse(envelope, notFound(envelope.to));
    }
  }

  #receiveFor(cell: ActorCell, envelope: MessageEnvelope): void {
    const { from, deadlineMs, trace } = envelope;
    try {
      const message = this.#check(cell, envelope); // I1
      const expiresAt = deadlineMs === undefined ? undefined : this.clock.now() + deadlineMs;
      const context = extractTrace(trace);
      runInContext(context, () => {
        cell.accept({ message, context, from, expiresAt });
      });
    } catch (error) {
      this.#refuse(envelope, ShoalError.from(error));
    }
  }

  #check(cell: ActorCell, envelope: MessageEnvelope): unknown {
    if (cell.accepts === undefined) throw notFound(envelope.to, "can be reached inside its node only");
    try {
      return cell.accepts(envelope.message);
    } catch (error) {
      this.#counts.refused++;
      if (isShoalError(error, "codec_failed")) throw error;
      throw refused(envelope.to, error);
    }
  }

  #refuse(envelope: MessageEnvelope, error: ShoalError): void {
    if (envelope.from !== undefined) this.answerError(envelope.from, error); // I2
  }

  #checkName(name: string): void {
    checkNamePart(name, "name");
    if (this.#stopping !== undefined) {
      throw new ShoalError("actor_stopped", `node ${this.node} is stopping and starts no actor ${name}`);
    }
    if (name.startsWith(replyPrefix)) {
      throw new ShoalError("invalid_argument", `names that begin with "${replyPrefix}" are reserved, not ${name}`);
    }
    if (this.#cells.has(name)) {
      throw new ShoalError("invalid_argument", `${this.node} already has an actor ${name}`, { field: "name" });
    }
  }

  async #stop(): Promise<void> {
    const stopped = Promise.all(Array.from(this.#roots, (cell) => cell.stop()));
    await settledWithin(this.clock, stopped, systemStopLimitMs);
    this.#asks.rejectAll((wait) => this.#cancelled(wait.waitingFor));
    await settledWithin(this.clock, this.#port.detach(), systemStopLimitMs);
  }

  #cancelled(waitingFor: Address): ShoalError {
    return new ShoalError("cancelled", `node ${this.node} stopped while it waited for ${waitingFor}`, { waitingFor });
  }
}

function notFound(address: Address, why = "does not exist"): ShoalError {
  return new ShoalError("actor_not_found", `${address} ${why}`, { actor: address });
}

function refused(address: Address, cause: unknown): ShoalError {
  const sentence = cause instanceof Error ? cause.message : String(cause);
  return new ShoalError("codec_failed", `${address} refused the message: ${sentence}`, { actor: address }, { cause });
}
