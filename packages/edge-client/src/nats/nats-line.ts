/**
 * One connection of the NATS library in one WebSocket, from its opening to its end. It does not connect again: whoever wants
 * another one opens it (`nats-link.ts`), because the library's own reconnecting holds memory for each attempt.
 *
 * Invariants
 *   L1  it ends once, with a reason; afterwards nothing is heard from it, and what was asked over it has been refused.
 *   L2  its opening ends with its WebSocket, at the latest after `openingMs`; a line that is half open, of which browsers do
 *       not tell, ends with the second ping that nobody has answered.
 */
import { wsconnect, type Authenticator, type NatsConnection, type WsSocketFactory } from "@nats-io/nats-core/internal";
import type { Clock, Timer } from "@shoal/actors/browser";
import { ShoalError } from "@shoal/errors";

export interface NatsLineOptions {
  /** `ws:` or `wss:` */
  readonly url: string;
  /** Who connects, for people. */
  readonly name: string;
  /** Answers come below it. */
  readonly inboxPrefix: string;
  /** Says who this is, having signed what the server asks to be signed; asked of for each line. */
  readonly authenticator?: Authenticator;
  readonly openingMs?: number;
  readonly pingEveryMs?: number;
}

export interface NatsLine {
  readonly connection: NatsConnection;
  /** Settles with the reason. */
  readonly ended: Promise<ShoalError>;
}

const usualOpeningMs = 10_000;
/** Timers of workers run in hidden tabs. */
const usualPingEveryMs = 25_000;
const mostPings = 2;

/**
 * @param signal - aborted: it ends
 * @throws ShoalError unauthenticated - refused; transport_lost - everything else
 */
export async function openNatsLine(options: NatsLineOptions, clock: Clock, signal: AbortSignal): Promise<NatsLine> {
  const { url, openingMs = usualOpeningMs, pingEveryMs = usualPingEveryMs, ...own } = options;
  const cut = Promise.withResolvers<ShoalError>();
  const wsFactory = createSocketFactory(cut, clock);
  const abort = (): void => cut.resolve(lost("it was closed"));
  signal.addEventListener("abort", abort);
  void cut.promise.then(() => signal.removeEventListener("abort", abort));
  if (signal.aborted) abort();
  try {
    const opening = wsconnect({
      ...{ ...own, servers: url, wsFactory, timeout: openingMs, pingInterval: pingEveryMs, maxPingOut: mostPings },
      ...{ reconnect: false, ignoreClusterUpdates: true, noAsyncTraces: true },
    });
    const connection = await Promise.race([opening, cut.promise.then((reason) => Promise.reject(reason))]);
    return { connection, ended: endOf(connection, cut) };
  } catch (error) {
    const reason = reasonOf(error);
    cut.resolve(reason);
    throw reason;
  }
}

/** A WebSocket that is closed when the line is cut, and cuts it when it is closed. */
function createSocketFactory(cut: PromiseWithResolvers<ShoalError>, clock: Clock): WsSocketFactory {
  return async (address) => {
    const socket = new WebSocket(address);
    let closed: Timer | undefined;
    const close = (): void => {
      // The library says why in this very moment, or never: it waits for ever where the server has said nothing before.
      closed = clock.after(0, () => cut.resolve(lost("the WebSocket was closed")));
    };
    socket.addEventListener("close", close);
    void cut.promise.then(() => {
      closed?.cancel();
      socket.removeEventListener("close", close);
      // The library would first wait until a dead line has taken what is buffered.
      socket.close();
    });
    return { socket, encrypted: address.startsWith("wss:") };
  };
}

async function endOf(connection: NatsConnection, cut: PromiseWithResolvers<ShoalError>): Promise<ShoalError> {
  void follow(connection).then(cut.resolve);
  const reason = await cut.promise;
  void connection.close(); // L1: from now on
  return reason;
}

/** Until it is stale, or closed; auth errors come before. */
async function follow(connection: NatsConnection): Promise<ShoalError> {
  for await (const status of connection.status()) {
    if (status.type === "error" && isRefusal(status.error)) return reasonOf(status.error);
    if (status.type === "staleConnection") return lost(`nats-server has not answered ${mostPings} pings`);
  }
  return lost("the connection was closed");
}

/** Passes that have ended, or are of keys that `shoal edge` does not have any more. */
function isRefusal({ name }: Error): boolean {
  return name === "AuthorizationError" || name === "UserAuthenticationExpiredError";
}

function reasonOf(thrown: unknown): ShoalError {
  if (!(thrown instanceof Error)) return lost(String(thrown));
  if (thrown instanceof ShoalError) return thrown;
  if (!isRefusal(thrown)) return lost(thrown.message, thrown);
  return new ShoalError("unauthenticated", `nats-server: ${thrown.message}`, {}, { cause: thrown });
}

function lost(sentence: string, cause?: Error): ShoalError {
  return new ShoalError("transport_lost", sentence, {}, { cause });
}
