/**
 * Connects a client through `shoal edge`: enrols it, opens a WebSocket to nats-server with the pass that it was given, and
 * asks for another pass before that one ends. A lost connection comes back by itself, for ever.
 *
 * Invariants
 *   C1  the key stays here: what leaves is its public half and signatures of what nats-server asks to be signed.
 *   C2  a pass that has ended while the device slept costs one refused connection: the next one has a new pass.
 *   C3  whoever is refused for good (the invitation has ended) is told once, and not asked for again.
 */
import { jwtAuthenticator, nkeys, wsconnect, type NatsConnection } from "@nats-io/nats-core";
import type { Clock, Random, Timer } from "@shoal/actors/browser";
import { isShoalError, ShoalError } from "@shoal/errors";
import { inboxPrefix, type ClientPlane } from "@shoal/federated";
import { createNatsClientPlane } from "../plane/nats-client-plane.ts";
import { enrol, natsPath, type Enrolment } from "./enrolment.ts";

export interface ConnectEdgeOptions {
  /** Where `shoal edge` is, as in `https://edge.example`. */
  readonly origin: string;
  /** From `shoal edge invite`; null where nobody needs one. */
  readonly ticket: string | null;
  /** The client's key, from `createClientKey`; the same key is the same client. */
  readonly seed: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Told when the invitation has ended, or the task. */
  readonly onRefused?: (error: ShoalError) => void;
}

export interface EdgeConnection {
  readonly enrolment: Enrolment;
  /** Closing it closes the connection. */
  readonly plane: ClientPlane;
}

/** A pass is renewed after this share of its time. */
const renewAfter = 0.6;
const leastRenewalMs = 5_000;
const connectTimeoutMs = 10_000;
/** Browsers do not tell of a line that is half open: a ping does, and timers of workers run in hidden tabs. */
const pingIntervalMs = 25_000;
const reconnectDelayMs = 500;
const mostReconnectDelayMs = 30_000;

/** A key for a new client; whoever has it is that client. */
export function createClientKey(): string {
  return new TextDecoder().decode(nkeys.createUser().getSeed());
}

/** @throws ShoalError as `enrol`; transport_lost - nats-server cannot be reached */
export async function connectEdge(options: ConnectEdgeOptions): Promise<EdgeConnection> {
  const { origin, ticket, clock, random } = options;
  const seed = new TextEncoder().encode(options.seed);
  const publicKey = nkeys.fromSeed(seed).getPublicKey();
  let enrolment = await enrol(origin, { ticket, publicKey });
  const first = enrolment;
  const url = new URL(natsPath, origin);
  url.protocol = url.protocol.replace("http", "ws");
  let tries = 0;
  const connection = await open(url.href, {
    ...{ authenticator: jwtAuthenticator(() => enrolment.pass, seed), inboxPrefix: inboxPrefix(enrolment.client) },
    ...{ name: enrolment.client, timeout: connectTimeoutMs, pingInterval: pingIntervalMs, maxPingOut: 2 },
    ...{ maxReconnectAttempts: -1, ignoreClusterUpdates: true, ignoreAuthErrorAbort: true },
    // Full jitter: clients that were cut off together do not come back together.
    reconnectDelayHandler: () => {
      tries += 1;
      const longest = Math.min(mostReconnectDelayMs, reconnectDelayMs * 2 ** tries);
      return reconnectDelayMs / 2 + random.uniform() * longest;
    },
  });
  let timer: Timer | undefined;
  let isClosed = false;
  let isAsking = false;
  const renewIn = (ms: number): void => {
    timer?.cancel();
    if (!isClosed) timer = clock.after(ms, () => void renew());
  };
  const renew = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    try {
      const next = await enrol(origin, { ticket, publicKey });
      if (next.client !== first.client || next.task !== first.task) throw moved(first, next);
      enrolment = next;
      renewIn(Math.max(leastRenewalMs, next.validMs * renewAfter));
    } catch (error) {
      if (isShoalError(error, "transport_lost")) renewIn(leastRenewalMs * (1 + random.uniform()));
      else options.onRefused?.(ShoalError.from(error)); // C3
    } finally {
      isAsking = false;
    }
  };
  void follow(connection, {
    onBack: () => (tries = 0),
    onPassRefused: () => renewIn(0), // C2
  });
  renewIn(Math.max(leastRenewalMs, enrolment.validMs * renewAfter));
  const { cluster, task, client } = first;
  const plane = createNatsClientPlane({ connection, address: { cluster, task }, client });
  return {
    enrolment: first,
    plane: {
      ...plane,
      async close() {
        isClosed = true;
        timer?.cancel();
        await plane.close();
      },
    },
  };
}

async function open(url: string, options: Parameters<typeof wsconnect>[0]): Promise<NatsConnection> {
  try {
    return await wsconnect({ servers: url, ...options });
  } catch (cause) {
    const sentence = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("transport_lost", `no connection to NATS at ${url}: ${sentence}`, { url }, { cause });
  }
}

interface Following {
  readonly onBack: () => void;
  readonly onPassRefused: () => void;
}

async function follow(connection: NatsConnection, { onBack, onPassRefused }: Following): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "reconnect") onBack();
    if (status.type !== "error") continue;
    const { name } = status.error;
    if (name === "AuthorizationError" || name === "UserAuthenticationExpiredError") onPassRefused();
  }
}

function moved(before: Enrolment, now: Enrolment): ShoalError {
  const sentence = `this client is ${before.client} in ${before.task}, and would now be ${now.client} in ${now.task}`;
  return new ShoalError("run_not_found", sentence, { task: before.task });
}
