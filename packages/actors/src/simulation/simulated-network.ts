/**
 * A bus with delays, losses, duplicates, reordering, partitions and crashes, all from one seed on a simulated clock.
 *
 * Every envelope is encoded and decoded, so refs reach other nodes through this network only and nothing is shared.
 *
 * Bounds      the log keeps the last `logCapacity` (100,000) entries.
 * Invariants
 *   I1  same seed, same calls at the same virtual times: same log.
 *   I2  without reordering, envelopes of one pair of nodes arrive in the order they were sent.
 *   I3  an envelope on its way to a node that leaves (or crashes) is gone, also when the node comes back.
 */
import { ShoalError } from "@shoal/errors";
import { parseAddress } from "../address.ts";
import type { Bus, BusReceiver } from "../bus/bus.ts";
import { nobodyListens } from "../bus/nobody-listens.ts";
import type { Clock } from "../clock.ts";
import { decodeEnvelope, encodeEnvelope } from "../envelope/envelope-codec.ts";
import type { Envelope } from "../envelope/envelope.ts";
import type { Random } from "../random.ts";
import { decideLink, defaultNetworkSettings, type NetworkSettings } from "./link-decision.ts";

export interface SimulatedNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings?: Partial<NetworkSettings>;
  /** 100,000 by default. */
  readonly logCapacity?: number;
}

/** One thing that happened to one envelope. */
export interface NetworkEvent {
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  /** Tag of the message, "error" for an error envelope. */
  readonly type: string;
  readonly outcome: "sent" | "delivered" | "lost" | "partitioned" | "nobody listens";
}

export interface SimulatedNetwork extends Bus {
  /** Changes some settings from now on. */
  configure(settings: Partial<NetworkSettings>): void;
  /** Cuts the way between two groups of nodes, in both directions. */
  partition(left: readonly string[], right: readonly string[]): void;
  /** Ends every partition. */
  heal(): void;
  /** Takes a node off at once and without a goodbye: it hears nothing more and what it sends disappears. */
  crash(node: string): void;
  readonly log: readonly NetworkEvent[];
}

export function createSimulatedNetwork(options: SimulatedNetworkOptions): SimulatedNetwork {
  return new Network(options);
}

const pairOf = (from: string, to: string): string => `${from}>${to}`;

class Network implements SimulatedNetwork {
  readonly log: NetworkEvent[] = [];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logCapacity: number;
  readonly #receivers = new Map<string, BusReceiver>();
  readonly #cuts = new Set<string>();
  readonly #latestArrival = new Map<string, number>();
  #settings: NetworkSettings;

  constructor(options: SimulatedNetworkOptions) {
    this.#clock = options.clock;
    this.#random = options.random.fork("network");
    this.#logCapacity = options.logCapacity ?? 100_000;
    this.#settings = { ...defaultNetworkSettings, ...options.settings };
  }

  attach(node: string, receiver: BusReceiver): ReturnType<Bus["attach"]> {
    if (this.#receivers.has(node)) {
      throw new ShoalError("invalid_argument", `a node ${node} is on this network already`, { field: "node" });
    }
    this.#receivers.set(node, receiver);
    return {
      send: (envelope) => {
        if (this.#receivers.get(node) === receiver) this.#send(node, envelope);
      },
      ready: () => Promise.resolve(),
      connected: () => this.#receivers.get(node) === receiver,
      detach: () => {
        if (this.#receivers.get(node) === receiver) this.#receivers.delete(node);
        return Promise.resolve();
      },
    };
  }

  configure(settings: Partial<NetworkSettings>): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  partition(left: readonly string[], right: readonly string[]): void {
    for (const a of left) {
      for (const b of right) this.#cuts.add(pairOf(a, b)).add(pairOf(b, a));
    }
  }

  heal(): void {
    this.#cuts.clear();
  }

  crash(node: string): void {
    this.#receivers.delete(node);
  }

  #send(from: string, envelope: Envelope): void {
    const bytes = encodeEnvelope(envelope);
    const { node: to } = parseAddress(envelope.to);
    const pair = pairOf(from, to);
    const now = this.#clock.now();
    const state = { isPartitioned: this.#cuts.has(pair), latestArrival: this.#latestArrival.get(pair) ?? 0 };
    const decision = decideLink(state, this.#settings, () => this.#random.uniform(), now);
    this.#record(from, to, envelope, decision.kind === "drop" ? decision.reason : "sent");
    if (decision.kind === "drop") return;
    const receiver = this.#receivers.get(to);
    for (const at of decision.arrivals) {
      if (decision.reason === "in order") this.#latestArrival.set(pair, at);
      this.#clock.after(at - now, () => {
        if (receiver === undefined) this.#bounce(from, to, envelope);
        else this.#arrive(from, to, envelope, bytes, receiver);
      });
    }
  }

  #arrive(from: string, to: string, envelope: Envelope, bytes: Uint8Array, receiver: BusReceiver): void {
    if (this.#receivers.get(to) !== receiver) {
      this.#record(from, to, envelope, "lost"); // I3
      return;
    }
    this.#record(from, to, envelope, "delivered");
    receiver.receive(decodeEnvelope(bytes, (address) => receiver.ref(address)));
  }

  #bounce(from: string, to: string, envelope: Envelope): void {
    this.#record(from, to, envelope, "nobody listens");
    if (envelope.kind !== "message" || envelope.from === undefined) return;
    this.#receivers.get(from)?.receive(nobodyListens(envelope.from, envelope.to));
  }

  #record(from: string, to: string, envelope: Envelope, outcome: NetworkEvent["outcome"]): void {
    const type = envelope.kind === "error" ? "error" : tagOf(envelope.message);
    if (this.log.length >= this.#logCapacity) this.log.shift();
    this.log.push({ atMs: this.#clock.now(), from, to, type, outcome });
  }
}

function tagOf(message: unknown): string {
  const tag = typeof message === "object" && message !== null && "type" in message ? message.type : undefined;
  return typeof tag === "string" ? tag : typeof message;
}
