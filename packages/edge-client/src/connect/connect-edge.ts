/**
 * Connects a client through `shoal edge`: enrols it, opens a WebSocket to nats-server with the pass that it was given, and
 * asks for another pass before that one ends. A lost connection comes back by itself, for ever.
 *
 * Invariants
 *   C1  the key stays here: what leaves is its public half and signatures of what nats-server asks to be signed.
 *   C2  a pass that has ended while the device slept costs one refused connection: the next one has a new pass.
 *   C3  whoever is refused for good (the invitation has ended) is told once, and not asked for again.
 */
import { jwtAuthenticator, nkeys } from "@nats-io/nats-core/internal";
import { createSystemRandom, systemClock, type Clock, type Random } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";
import { inboxPrefix, type ClientPlane } from "@shoal/federated";
import { openNatsLink, type NatsLink, type NatsLinkOptions } from "../nats/nats-link.ts";
import { createBrowserHints, type ReconnectHints } from "../nats/reconnect-hints.ts";
import { createLinkPlane } from "../plane/link-plane.ts";
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
  /**
   * Of moments at which an edge that was away is tried again at once. Default: those of the window or worker; in a worker
   * there are hardly any, so let the page pass on its own.
   */
  readonly hints?: ReconnectHints;
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

/** A key for a new client; whoever has it is that client. */
export function createClientKey(): string {
  return new TextDecoder().decode(nkeys.createUser().getSeed());
}

/**
 * In Node a process connects either so or over TCP: the NATS library has one way to connect at a time.
 * @throws ShoalError as `enrol`; invalid_argument - the seed is none; transport_lost - nats-server cannot be reached
 */
export async function connectEdge(options: ConnectEdgeOptions): Promise<EdgeConnection> {
  const { origin, ticket, onRefused = () => undefined } = options;
  const { clock = systemClock, random = createSystemRandom(), hints = createBrowserHints() } = options;
  const seed = new TextEncoder().encode(options.seed);
  const publicKey = publicKeyOf(seed);
  const enrolment = await enrol(origin, { ticket, publicKey, task: null });
  const { cluster, task, client } = enrolment;
  const passes = createPassKeeper({
    ...{ first: enrolment, enrol: () => enrol(origin, { ticket, publicKey, task }), clock, random, onRefused },
  });
  try {
    const authenticator = jwtAuthenticator(() => passes.pass, seed); // C1
    const link = await open({
      line: { url: natsUrl(origin), name: client, inboxPrefix: inboxPrefix(client), authenticator },
      ...{ clock, random, hints, onLoginRefused: () => passes.renewNow() }, // C2
    });
    const plane = createLinkPlane(link, { cluster, task }, client);
    const close = async (): Promise<void> => {
      passes.close();
      await plane.close();
    };
    return { enrolment, plane: { ...plane, close }, traffic: () => link.traffic() };
  } catch (error) {
    passes.close();
    throw error;
  }
}

function publicKeyOf(seed: Uint8Array): string {
  try {
    return nkeys.fromSeed(seed).getPublicKey();
  } catch (cause) {
    // What it was is nobody's business.
    const sentence = "this is no key of a client: createClientKey makes one";
    throw new ShoalError("invalid_argument", sentence, { field: "seed" }, { cause });
  }
}

function natsUrl(origin: string): string {
  const url = new URL(natsPath, origin);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** A pass that was refused a moment after it was given: another `shoal edge` has begun, so asking again may help. */
async function open(options: NatsLinkOptions): Promise<NatsLink> {
  try {
    return await openNatsLink(options);
  } catch (cause) {
    const { url } = options.line;
    const sentence = `no connection to NATS at ${url}: ${ShoalError.from(cause).message.replace(/^\[[a-z_]+\] /, "")}`;
    throw new ShoalError("transport_lost", sentence, { url }, { cause });
  }
}
