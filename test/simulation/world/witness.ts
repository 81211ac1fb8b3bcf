/**
 * Looks on at every message of a simulated cluster, and keeps what the checks need: what was pushed, what was answered, what
 * was read, and who said to lead which shard. What can be seen to be wrong at once it says at once.
 */
import type { Envelope, SimulatedClock } from "@shoal/actors";
import type { LinkIdentity, LogEntry, PushReply, PushRequest, ShardSeat } from "@shoal/protocol";
import type { HostShards, SaveShards } from "@shoal/protocol";
import { Eras, type Era } from "./eras.ts";
import type { EventTrace } from "./event-trace.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** A push as its worker made it. */
export interface WitnessedPush {
  readonly era: Era;
  readonly shard: number;
  readonly worker: number;
  readonly incarnation: number;
  readonly sequence: number;
  readonly clock: number;
  readonly batch: number | null;
  readonly baseVersion: number;
  readonly samples: number;
  /** Name of the encoding; undefined: float32 as it lies. */
  readonly encoding: string | undefined;
  /** As it was pushed. */
  readonly gradient: Float32Array;
  /** As it was computed, where that is another thing, and known. */
  readonly computed: Float32Array | undefined;
}

/** A push left its worker for the first time, or was answered. */
export interface PushEvent {
  readonly push: WitnessedPush;
  readonly heard: PushReply | undefined;
}

/** What a server answered: it is bound to it, whether or not the answer arrived. */
export interface WitnessedAnswer {
  readonly push: WitnessedPush;
  readonly server: string;
  readonly atMs: number;
  readonly reply: PushReply;
}

export interface WitnessedPull {
  readonly era: Era;
  readonly shard: number;
  readonly version: number;
  readonly server: string;
  readonly reader: string;
  readonly atMs: number;
  readonly values: Float32Array;
}

/** What one session of a worker pushed to one shard for one slot, as the worker saw it; outside steps the slot is 0. */
export interface PushSession {
  readonly name: string;
  readonly era: Era;
  readonly shard: number;
  readonly slot: number;
  readonly events: PushEvent[];
}

export class Witness {
  readonly violations: string[] = [];
  readonly pushes = new Map<string, WitnessedPush>();
  readonly answers: WitnessedAnswer[] = [];
  /** Of runs with lossy encodings: what each session of a worker pushed to each shard for each slot. */
  readonly sessions = new Map<string, PushSession>();
  readonly pulls: WitnessedPull[] = [];
  readonly firstValues = new Map<number, Float32Array>();
  /** The newest seat that was told of each shard. */
  readonly seats = new Map<number, ShardSeat>();
  readonly eras = new Eras();
  /** Batches that each shard lacks in the end, where acknowledgements wait for no replica. */
  readonly missing = new Map<number, number>();
  /** Nobody needs the shards of the run any more. */
  isReleased = false;
  /** Entries that primaries sent, by shard and index, with who made them. */
  readonly #authors = new Map<string, string>();
  readonly #primaries = new Map<string, string>();
  readonly #lastIndex = new Map<string, { index: number; version: number; term: number }>();
  /** Each session of a worker has an identity of its own. */
  readonly #sessions = new WeakMap<LinkIdentity, Era>();
  readonly #trace: EventTrace;
  readonly #clock: SimulatedClock;

  constructor(trace: EventTrace, clock: SimulatedClock) {
    this.#trace = trace;
    this.#clock = clock;
  }

  violation(sentence: string): void {
    this.#trace.add(this.#clock.now(), "VIOLATION", sentence);
    if (this.violations.length < 20) this.violations.push(sentence);
  }

  /** The cluster is gone, and its store with it. */
  beginGeneration(): void {
    this.eras.beginGeneration();
    this.seats.clear();
  }

  #eraOf(identity: LinkIdentity): Era {
    const era = this.#sessions.get(identity) ?? this.eras.current;
    if (era === undefined) throw new Error(`${identity.name} speaks to shards that nobody hosts`);
    this.#sessions.set(identity, era);
    return era;
  }

  /**
   * @param computed of the shard's range, where it is another vector than the one that is pushed
   * @returns a copy of the gradient
   */
  pushed(identity: LinkIdentity, request: PushRequest, computed?: Float32Array): Float32Array {
    const { worker, incarnation } = identity;
    const { shard, sequence, clock, batch, baseVersion, samples, encoding } = request;
    const era = this.#eraOf(identity);
    const key = pushKey({ era, shard, worker, incarnation, sequence });
    const before = this.pushes.get(key);
    const gradient = request.gradient.slice();
    if (before === undefined) {
      const who = { era, shard, worker, incarnation, sequence };
      const push = { ...who, clock, batch, baseVersion, samples, encoding, gradient, computed };
      this.pushes.set(key, push);
      if (encoding !== undefined) this.#note(push, undefined);
    } else if (before.clock !== clock || before.batch !== batch || !sameWords(before.gradient, gradient)) {
      this.violation(`${identity.name} repeated its push ${sequence} to shard ${shard} as another one`);
    }
    return gradient;
  }

  /** The worker has been told. */
  heard(identity: LinkIdentity, { shard, sequence, encoding }: PushRequest, reply: PushReply): void {
    if (encoding === undefined) return;
    const { worker, incarnation } = identity;
    const push = this.pushes.get(pushKey({ era: this.#eraOf(identity), shard, worker, incarnation, sequence }));
    if (push !== undefined) this.#note(push, reply);
  }

  #note(push: WitnessedPush, heard: PushEvent["heard"]): void {
    const { era, shard, worker, incarnation, batch } = push;
    const { consistency, slots } = era.hosting;
    const slot = consistency.mode === "synchronous" ? (batch ?? 0) % slots : 0;
    const name = `${worker}.${incarnation} in era ${era.index} to shard ${shard}, slot ${slot}`;
    const session = this.sessions.get(name) ?? { name, era, shard, slot, events: [] };
    session.events.push({ push, heard });
    this.sessions.set(name, session);
  }

  answered(server: SimulatedProcess, identity: LinkIdentity, request: PushRequest, reply: PushReply): void {
    const { worker, incarnation } = identity;
    const { shard, sequence } = request;
    const era = this.#eraOf(identity);
    const push = this.pushes.get(pushKey({ era, shard, worker, incarnation, sequence }));
    const atMs = this.#clock.now();
    this.#trace.add(atMs, server.node, "answers", identity.name, `push ${sequence} to ${shard}:`, describe(reply));
    if (push !== undefined && !server.isDead) this.answers.push({ push, server: server.id, atMs, reply });
  }

  pulled(server: SimulatedProcess, reader: LinkIdentity, shard: number, version: number, values: Float32Array): void {
    if (server.isDead) return;
    const atMs = this.#clock.now();
    const era = this.#eraOf(reader);
    this.pulls.push({ era, shard, version, server: server.id, reader: reader.name, atMs, values: values.slice() });
  }

  /** All workers draw the same first values: whose come first is the same. Shards that go on have theirs already. */
  initialized(identity: LinkIdentity, shard: number, values: Float32Array): void {
    if (this.#eraOf(identity).origin !== undefined) return;
    const before = this.firstValues.get(shard);
    if (before !== undefined && !sameBits(before, values)) this.violation(`shard ${shard} is offered two first values`);
    this.firstValues.set(shard, values);
  }

  /** One primary alone makes the entries of a term, one after the other; versions grow with them. */
  sentEntry(from: SimulatedProcess, { shard, term, index, madeIn, version }: LogEntry): void {
    if (from.isDead) return;
    if (madeIn === term) {
      const made = `${this.eras.generation}/${shard}/${madeIn}`;
      const author = this.#authors.get(made);
      if (author !== undefined && author !== from.id) {
        this.violation(`${author} and ${from.id} both made entries of shard ${shard} in term ${madeIn}`);
      }
      this.#authors.set(made, from.id);
    }
    const sender = `${shard}/${from.id}`;
    const last = this.#lastIndex.get(sender);
    if (last !== undefined && last.term > term) {
      this.violation(`${from.id} went back from term ${last.term} to ${term} of shard ${shard}`);
    }
    if (
      last?.term === term &&
      ((last.index < index && last.version > version) || (last.index > index && last.version < version))
    ) {
      this.violation(`${from.id} went back in versions of shard ${shard}: entry ${index} is of version ${version}`);
    }
    this.#lastIndex.set(sender, { index, version, term });
  }

  /** What is said on the bus: seats have one primary a term. */
  said(_from: SimulatedProcess, envelope: Envelope): void {
    if (envelope.kind !== "message") return;
    this.#follow(envelope.message);
    for (const seat of seatsIn(envelope.message)) {
      const { shard, term, primary } = seat;
      const key = `${this.eras.generation}/${shard}/${term}`;
      const holder = `${primary.node}.${primary.incarnation}`;
      const before = this.#primaries.get(key);
      if (before !== undefined && before !== holder) {
        this.violation(`shard ${shard} has two primaries in term ${term}: ${before} and ${holder}`);
      }
      this.#primaries.set(key, holder);
      const newest = this.seats.get(shard);
      if (newest === undefined || newest.term <= term) this.seats.set(shard, seat);
    }
  }

  #follow(message: unknown): void {
    if (typeof message !== "object" || message === null || !("type" in message)) return;
    if (message.type === "release_run") this.isReleased = true;
    if (message.type === "host_shards") {
      this.isReleased = false;
      this.eras.hosted(message as HostShards);
    }
    if (message.type === "save_shards") this.eras.saving(message as SaveShards);
  }

  /** Something was waited for beyond its deadline. */
  late(what: string, byMs: number): void {
    this.violation(`${what} was waited for ${byMs.toFixed(1)} ms beyond its deadline`);
  }
}

function pushKey(push: Pick<WitnessedPush, "era" | "shard" | "worker" | "incarnation" | "sequence">): string {
  return `${push.era.index}/${push.shard}/${push.worker}.${push.incarnation}/${push.sequence}`;
}

export function sameBits(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, index) => Object.is(value, b[index]));
}

/** As bytes: what is encoded may look like numbers that are none. */
export function sameWords(a: Float32Array, b: Float32Array): boolean {
  const words = ({ buffer, byteOffset, length }: Float32Array): Int32Array =>
    new Int32Array(buffer, byteOffset, length);
  const [one, other] = [words(a), words(b)];
  return one.length === other.length && one.every((word, index) => word === other[index]);
}

function describe(reply: PushReply): string {
  return reply.type === "push_rejected"
    ? `${reply.reason} at version ${reply.version}`
    : `${reply.type} ${reply.version}`;
}

function seatsIn(message: unknown): readonly ShardSeat[] {
  if (typeof message !== "object" || message === null || !("type" in message)) return [];
  if (message.type === "seat_shards") return (message as unknown as { seats: readonly ShardSeat[] }).seats;
  if (message.type !== "host_shards") return [];
  const { shards } = message as unknown as { shards: readonly { readonly seat?: ShardSeat }[] };
  return shards.flatMap(({ seat }) => (seat === undefined ? [] : [seat]));
}
