/**
 * The bus over NATS.
 *
 * Subjects    `shoal.<cluster>.<node>.<name>`; a node subscribes to `shoal.<cluster>.<node>.*`.
 * Asks        carry an inbox as NATS reply subject; the server answers there at once, with status 503, when nobody
 *             subscribes to the target's node (NATS "no responders"), which becomes an `actor_not_found`. Replies
 *             themselves travel as envelopes of their own.
 * Bounds      256 KiB an envelope; 16 MiB that the server has not yet read. Beyond it, and without a connection,
 *             `send` throws `transport_lost`: nothing is kept for later.
 * Delivery    at most once; in order for each pair of nodes, because each node has one connection and one subscription.
 */
import { ShoalError } from "@shoal/errors";
import { createInbox, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { checkNamePart, parseAddress, type Address } from "../address.ts";
import type { Clock } from "../clock.ts";
import { settledWithin } from "../deadline.ts";
import { decodeEnvelope, encodeEnvelope } from "../envelope/envelope-codec.ts";
import type { Bus, BusPort, BusReceiver } from "./bus.ts";
import { nobodyListens } from "./nobody-listens.ts";
import { createOutboundWindow, maximumUnconfirmedBytes, type OutboundWindow } from "./outbound-window.ts";
import { watchConnection } from "./nats-connection.ts";

/** How long `ready` waits for the server's confirmation of the subscriptions. */
export const natsReadyLimitMs = 5000;

/** How long `detach` waits until the server has read what was sent. */
const natsDetachLimitMs = 1000;

/** Status code of the server's "no responders" message. */
const noResponders = 503;

export interface NatsBusOptions {
  /** Borrowed: whoever connected closes it, after the systems on this bus have stopped. */
  readonly connection: NatsConnection;
  /** Keeps clusters on one server apart; a name part. */
  readonly cluster: string;
  readonly clock: Clock;
}

/** @throws ShoalError `invalid_argument` - the cluster's name is malformed */
export function createNatsBus(options: NatsBusOptions): Bus {
  const { connection, clock } = options;
  const prefix = `shoal.${checkNamePart(options.cluster, "cluster")}`;
  const state = watchConnection(connection);
  const window = createOutboundWindow(connection, maximumUnconfirmedBytes);
  const attached = new Set<string>();
  return {
    attach(node, receiver) {
      checkNamePart(node, "node");
      if (attached.has(node)) {
        throw new ShoalError("invalid_argument", `this process already is node ${node} on this bus`, { field: "node" });
      }
      attached.add(node);
      const port = openPort({ connection, clock, prefix, isUp: state.isUp, window }, node, receiver);
      return {
        ...port,
        detach: () => {
          attached.delete(node);
          return port.detach();
        },
      };
    },
  };
}

interface Line {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly prefix: string;
  readonly isUp: () => boolean;
  readonly window: OutboundWindow;
}

function openPort(line: Line, node: string, receiver: BusReceiver): BusPort {
  const { connection, clock, prefix, isUp, window } = line;
  const inbox = createInbox();
  let refusal: Error | undefined;
  const guarded = (take: (message: Msg) => void) => (error: Error | null, message: Msg) => {
    if (error === null) take(message);
    else refusal = error;
  };
  const subscriptions = [
    connection.subscribe(`${prefix}.${node}.*`, {
      callback: guarded((message) => {
        takeEnvelope(message, receiver);
      }),
    }),
    connection.subscribe(`${inbox}.>`, {
      callback: guarded((message) => {
        takeStatus(message, inbox, node, receiver);
      }),
    }),
  ];
  return {
    send(envelope) {
      const bytes = encodeEnvelope(envelope);
      if (!isUp()) throw lost(`no connection to NATS for a message to ${envelope.to}`);
      if (!window.reserve(bytes.length)) {
        throw lost(`NATS has not read the last ${String(maximumUnconfirmedBytes)} bytes; no room to ${envelope.to}`);
      }
      const isAsk = envelope.kind === "message" && envelope.from !== undefined;
      const reply = isAsk ? inboxSubject(inbox, envelope.from, envelope.to) : undefined;
      publish(connection, subjectOf(prefix, envelope.to), bytes, reply);
    },
    async ready() {
      const confirmed = await settledWithin(clock, connection.flush(), natsReadyLimitMs);
      if (refusal !== undefined) throw denied(node, refusal);
      if (!confirmed || !isUp()) throw lost(`NATS did not confirm the subscriptions of ${node}`);
    },
    connected: isUp,
    async detach() {
      for (const subscription of subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
      // So that a goodbye that was just sent is out before its process closes the connection.
      if (isUp()) await settledWithin(clock, connection.flush(), natsDetachLimitMs);
    },
  };
}

function subjectOf(prefix: string, address: Address): string {
  const { node, name } = parseAddress(address);
  return `${prefix}.${node}.${name}`;
}

/** The inbox says who asked whom, so that the server's status needs no table to be understood. */
function inboxSubject(inbox: string, from: Address, to: Address): string {
  return [inbox, parseAddress(from).name, to.replace("/", ".")].join(".");
}

function takeEnvelope(message: Msg, receiver: BusReceiver): void {
  try {
    receiver.receive(decodeEnvelope(message.data, (address) => receiver.ref(address)));
  } catch (error) {
    receiver.malformed(ShoalError.from(error));
  }
}

function takeStatus(message: Msg, inbox: string, node: string, receiver: BusReceiver): void {
  if (message.headers?.code !== noResponders) return;
  const [reply, targetNode, targetName] = message.subject.slice(inbox.length + 1).split(".");
  if (reply === undefined || targetNode === undefined || targetName === undefined) return;
  receiver.receive(nobodyListens(`${node}/${reply}`, `${targetNode}/${targetName}`));
}

function publish(connection: NatsConnection, subject: string, bytes: Uint8Array, reply: string | undefined): void {
  try {
    connection.publish(subject, bytes, reply === undefined ? {} : { reply });
  } catch (error) {
    throw lost(`NATS refused a message on ${subject}: ${(error as Error).message}`, error);
  }
}

function lost(sentence: string, cause?: unknown): ShoalError {
  return new ShoalError("transport_lost", sentence, {}, { cause });
}

function denied(node: string, cause: Error): ShoalError {
  return new ShoalError(
    "permission_denied",
    `NATS refused the subscriptions of ${node}: ${cause.message}`,
    {},
    { cause },
  );
}
