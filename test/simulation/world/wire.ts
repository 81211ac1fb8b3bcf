/**
 * A connection between two processes on the data plane: requests and replies take time, get lost, come twice, come after
 * their sender has given them up, and end with the process at the other end.
 *
 * Invariants  Requests of one connection arrive in their order, but for those that were held up on the way: to their
 *             sender they are lost. A call settles by its deadline, on the sender's clock.
 */
import type { CallOptions } from "@shoal/protocol";
import { ShoalError } from "@shoal/errors";
import type { Random } from "@shoal/actors";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** What the other end says at the deadline has so much time to come, ms. */
const graceMs = 50;

/** How much later than that a call may settle: a timer of the same moment may come first. */
const toleranceMs = 1;

export interface Request<R> {
  readonly what: string;
  readonly options: CallOptions;
  /** Carries it out at the other end; may be called twice. */
  readonly deliver: (to: SimulatedProcess, deadlineMs: number) => Promise<R>;
  /** Takes the reply over, in the sender's process, unless it has given up. */
  readonly receive?: (reply: R) => void;
  /** Whether it may come twice. */
  readonly repeatable: boolean;
}

export class Wire {
  readonly #world: World;
  readonly #from: SimulatedProcess;
  readonly #node: string;
  readonly #draws: Random;
  readonly #open = new Set<(error: ShoalError) => void>();
  readonly #troubles: number;
  #latestMs = 0;
  #isClosed = false;

  /** @param troubles share of the scenario's losses and delays that this connection has */
  constructor(world: World, from: SimulatedProcess, node: string, troubles = 1) {
    this.#world = world;
    this.#from = from;
    this.#node = node;
    this.#troubles = troubles;
    this.#draws = world.random.fork(`wire ${world.nextWire()} ${from.id} ${node}`);
  }

  call<R>(request: Request<R>): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const { options, what } = request;
    const world = this.#world;
    const from = this.#from;
    const startedAtMs = world.clock.now();
    const abort = (): void => fail(ShoalError.from(options.signal?.reason));
    let isOver = false;
    const settle = (end: () => void): void => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      this.#open.delete(fail);
      options.signal?.removeEventListener("abort", abort);
      const lateMs = world.clock.now() - startedAtMs - options.deadlineMs - graceMs;
      if (lateMs > toleranceMs && !from.hasPaused && !from.isDead) world.witness.late(`${from.node}: ${what}`, lateMs);
      end();
    };
    const fail = (error: ShoalError): void => settle(() => reject(error));
    const sentence = `${what} to ${this.#node}: no answer within ${Math.round(options.deadlineMs)} ms`;
    const timer = from.clock.after(options.deadlineMs + graceMs, () => {
      fail(new ShoalError("deadline_exceeded", sentence, { waitingFor: this.#node }));
    });
    this.#open.add(fail);
    options.signal?.addEventListener("abort", abort, { once: true });
    if (options.signal?.aborted === true) abort();
    else if (this.#isClosed || from.isDead) fail(new ShoalError("cancelled", `the link to ${this.#node} is closed`));
    else {
      const received = (reply: R): void =>
        settle(() => {
          request.receive?.(reply);
          resolve(reply);
        });
      this.#send(request, { received, fail });
    }
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    for (const fail of this.#open) fail(new ShoalError("cancelled", `the link to ${this.#node} has been closed`));
  }

  #send<R>(request: Request<R>, call: OpenCall<R>): void {
    const { clock, scenario } = this.#world;
    const { lossRate, duplicateRate, strayRate, longestStrayMs, fastestMs, slowestMs } = scenario.data;
    const [way, loss, twice, stray, again] = [0, 0, 0, 0, 0].map(() => this.#draws.uniform()) as Five;
    const to = this.#world.living(this.#node).at(-1);
    const wayMs = fastestMs + way * (slowestMs - fastestMs);
    if (to === undefined) {
      // A process that is gone leaves a machine that says so; a machine that is gone says nothing.
      if (!this.#world.isSilent(this.#node)) clock.after(wayMs, () => call.fail(this.#lost()));
      return;
    }
    if (!this.#world.reach.reaches("data", this.#from.node, this.#node) || loss < (lossRate * this.#troubles) / 2)
      return;
    const isStray = stray < strayRate * this.#troubles;
    const atMs = isStray ? clock.now() + again * longestStrayMs : Math.max(this.#latestMs, clock.now() + wayMs);
    if (!isStray) this.#latestMs = atMs;
    const isRepeated = twice < duplicateRate && request.repeatable;
    const arrivals = isRepeated ? [atMs, clock.now() + again * longestStrayMs] : [atMs];
    const watch = to.onDeath(() => {
      if (!to.isSilent) clock.after(wayMs, () => call.fail(this.#lost()));
    });
    const isLost = loss < lossRate * this.#troubles;
    for (const [index, arrival] of arrivals.entries()) {
      const arrived = { to, isStray: isStray || isLost || index > 0, atMs: arrival, sentAtMs: clock.now(), watch };
      this.#world.onTheWay += 1;
      clock.after(arrival - clock.now(), () => to.whenAwake(() => this.#arrive(request, call, arrived)));
    }
  }

  #arrive<R>(request: Request<R>, call: OpenCall<R>, { to, isStray, atMs, sentAtMs, watch }: Arrival): void {
    const world = this.#world;
    world.onTheWay -= 1;
    world.message("data", to.node, this.#from.node, request.what);
    if (to.isDead) return;
    const answered = (heard: () => void): void => {
      watch.forget();
      if (isStray || to.isDead || !world.reach.reaches("data", to.node, this.#from.node)) return;
      const { fastestMs, slowestMs } = world.scenario.data;
      const wayMs = fastestMs + this.#draws.uniform() * (slowestMs - fastestMs);
      world.clock.after(wayMs, () => this.#from.whenAwake(heard));
    };
    request.deliver(to, Math.max(1, request.options.deadlineMs - (atMs - sentAtMs))).then(
      (reply) => answered(() => call.received(reply)),
      (error: unknown) => answered(() => call.fail(ShoalError.from(error))),
    );
  }

  #lost(): ShoalError {
    return new ShoalError("transport_lost", `the connection to ${this.#node} has broken`, { endpoint: this.#node });
  }
}

type Five = [number, number, number, number, number];

interface OpenCall<R> {
  readonly received: (reply: R) => void;
  readonly fail: (error: ShoalError) => void;
}

interface Arrival {
  readonly to: SimulatedProcess;
  /** Its answer does not find the way back. */
  readonly isStray: boolean;
  readonly atMs: number;
  readonly sentAtMs: number;
  readonly watch: { forget(): void };
}
