/**
 * Connects a client through `shoal edge`: enrols it, opens a WebSocket to nats-server with the pass that it was given, and
 * asks for another pass before that one ends. A lost connection comes back by itself, for ever.
 *
 * Invariants
 *   C1  the key stays here: what leaves is its public half and signatures of what nats-server asks to be signed.
 *   C2  a pass that has ended while the device slept costs one refused connection: the next one has a new pass.
 *   C3  whoever is refused for good (the invitation has ended) is told once, and not asked for again.
 */
import { jwtAuthenticator, nkeys, wsconnect, type ConnectionOptions, type NatsConnection } from "@nats-io/nats-core";
import { createSystemRandom, systemClock, type Clock, type Random } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import { inboxPrefix, type ClientPlane } from "@shoal/federated";
import { createNatsClientPlane } from "../plane/nats-client-plane.ts";
import { enrol, natsPath, type Enrolment } from "./enrolment.ts";
import { createPassKeeper } from "./pass-keeper.ts";

export interface ConnectEdgeOptions {
  /** Where `shoal edge` is, as in `https://edge.example`. */
  readonly origin: string;
  /** From `shoal edge invite`; null where nobody needs one. */
  readonly ticket: string | null;
  /** The client's key, from `createClientKey`; the same key is the same client. */
  readonly seed: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Told when the invitation has ended, or the task. */
  readonly onRefused?: (error: ShoalError) => void;
}

export interface EdgeConnection {
  readonly enrolment: Enrolment;
  /** Closing it closes the connection. */
  readonly plane: ClientPlane;
  /** Bytes of messages so far, without WebSocket's and TLS's own. */
  readonly traffic: () => { readonly sent: number; readonly received: number };
}

const connectTimeoutMs = 10_000;
/** Browsers do not tell of a line that is half open: a ping does, and timers of workers run in hidden tabs. */
const pingIntervalMs = 25_000;
const reconnectDelayMs = 500;
const mostReconnectDelayMs = 30_000;

/** A key for a new client; whoever has it is that client. */
export function createClientKey(): string {
  return new TextDecoder().decode(nkeys.createUser().getSeed());
}

/**
 * In Node a process connects either so or over TCP: the NATS library has one way to connect at a time.
 * @throws ShoalError as `enrol`; transport_lost - nats-server cannot be reached
 */
export async function connectEdge(options: ConnectEdgeOptions): Promise<EdgeConnection> {
  const { origin, ticket, onRefused = () => undefined } = options;
  const { clock = systemClock, random = createSystemRandom() } = options;
  const seed = new TextEncoder().encode(options.seed);
  const request = { ticket, publicKey: nkeys.fromSeed(seed).getPublicKey() };
  const enrolment = await enrol(origin, { ...request, task: null });
  const { cluster, task, client } = enrolment;
  const passes = createPassKeeper({
    ...{ first: enrolment, enrol: () => enrol(origin, { ...request, task }), clock, random, onRefused },
  });
  try {
    const delay = createReconnectDelay(random);
    const connection = await open(natsUrl(origin), {
      ...{ authenticator: jwtAuthenticator(() => passes.pass, seed), inboxPrefix: inboxPrefix(client) },
      ...{ name: client, timeout: connectTimeoutMs, pingInterval: pingIntervalMs, maxPingOut: 2 },
      ...{ maxReconnectAttempts: -1, ignoreClusterUpdates: true, ignoreAuthErrorAbort: true, noAsyncTraces: true },
      reconnectDelayHandler: () => delay.ms,
    });
    void follow(connection, delay, () => passes.renewNow()); // C2
    const plane = createNatsClientPlane({ connection, address: { cluster, task }, client });
    const close = async (): Promise<void> => {
      passes.close();
      await plane.close();
    };
    const traffic = (): { sent: number; received: number } => {
      const { inBytes, outBytes } = connection.stats();
      return { sent: outBytes, received: inBytes };
    };
    return { enrolment, plane: { ...plane, close }, traffic };
  } catch (error) {
    passes.close();
    throw error;
  }
}

function natsUrl(origin: string): string {
  const url = new URL(natsPath, origin);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

interface ReconnectDelay {
  readonly ms: number;
  /** Another attempt begins. */
  tried(): void;
  succeeded(): void;
}

/**
 * Full jitter: clients that were cut off together do not come back together. One draw for each attempt: the library asks
 * again whenever it looks at its clock.
 */
function createReconnectDelay(random: Random): ReconnectDelay {
  let tries = 0;
  const draw = (): number => {
    const longest = Math.min(mostReconnectDelayMs, reconnectDelayMs * 2 ** tries);
    return reconnectDelayMs / 2 + random.uniform() * longest;
  };
  let ms = draw();
  return {
    get ms() {
      return ms;
    },
    tried() {
      tries += 1;
      ms = draw();
    },
    succeeded() {
      tries = 0;
      ms = draw();
    },
  };
}

async function open(url: string, options: ConnectionOptions): Promise<NatsConnection> {
  try {
    return await wsconnect({ servers: url, ...options });
  } catch (cause) {
    const sentence = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("transport_lost", `no connection to NATS at ${url}: ${sentence}`, { url }, { cause });
  }
}

async function follow(connection: NatsConnection, delay: ReconnectDelay, onPassRefused: () => void): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "reconnecting") delay.tried();
    if (status.type === "reconnect") delay.succeeded();
    if (status.type !== "error") continue;
    const { name } = status.error;
    if (name === "AuthorizationError" || name === "UserAuthenticationExpiredError") onPassRefused();
  }
}
