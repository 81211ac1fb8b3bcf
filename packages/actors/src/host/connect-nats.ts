/** Opens a connection to NATS over TCP. In a browser use `wsconnect` of @nats-io/nats-core instead. */
import { ShoalError } from "@shoal/errors";
import { connect, type ConnectionOptions, type NatsConnection } from "@nats-io/transport-node";

export interface ConnectNatsOptions {
  /** `host:port` or URLs; several for a NATS cluster. */
  readonly servers: string | readonly string[];
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Where answers come to, for who may hear nothing else; default `_INBOX`. */
  readonly inboxPrefix?: string;
  /** How long the first connection may take: 5,000 ms. Later ones are tried for ever. */
  readonly timeoutMs?: number;
}

/** A lost connection is tried again after 250 ms plus up to 250 ms of jitter, without end. */
const reconnectDelayMs = 250;

/** A dead peer is noticed after three unanswered pings. */
const pingIntervalMs = 2000;
const maximumPings = 3;

/**
 * Connects; afterwards the connection re-establishes itself and its subscriptions.
 * @throws ShoalError `transport_lost` - no server answers
 * @throws ShoalError `unauthenticated` - the credentials are missing or wrong
 */
export async function connectNats(options: ConnectNatsOptions): Promise<NatsConnection> {
  try {
    return await connect(connectionOptions(options));
  } catch (error) {
    throw translate(options, error);
  }
}

function connectionOptions(options: ConnectNatsOptions): ConnectionOptions {
  const { servers, name, user, password, token, inboxPrefix, timeoutMs = 5000 } = options;
  return {
    servers: typeof servers === "string" ? servers : [...servers],
    name,
    timeout: timeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectDelayMs,
    reconnectJitter: reconnectDelayMs,
    reconnectJitterTLS: reconnectDelayMs,
    pingInterval: pingIntervalMs,
    maxPingOut: maximumPings,
    // Else each request makes two errors before it is sent, for the stack of a failure that seldom comes.
    noAsyncTraces: true,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(inboxPrefix !== undefined && { inboxPrefix }),
  };
}

function translate(options: ConnectNatsOptions, cause: unknown): ShoalError {
  const servers = [options.servers].flat().join(", ");
  const sentence = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && cause.name === "AuthorizationError") {
    return new ShoalError(
      "unauthenticated",
      `NATS at ${servers} refused the credentials (${sentence}); is the token that of this cluster?`,
      { servers },
      { cause },
    );
  }
  return new ShoalError("transport_lost", `no connection to NATS at ${servers}: ${sentence}`, { servers }, { cause });
}
