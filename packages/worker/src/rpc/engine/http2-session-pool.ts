/**
 * HTTP/2 sessions to parameter servers, shared by the links of this process.
 *
 * Bounds    16 streams a session; a further stream opens a further session. A session without streams is closed. One
 *           that is not connected after `connectLimitMs`, or whose server does not answer a ping in time, is destroyed.
 */
import { connect, type ClientHttp2Session } from "node:http2";
import { connect as connectSocket } from "node:net";
import type { Clock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  maximumStreamsPerSession,
  sessionWindowBytes,
  startKeepalive,
  streamWindowBytes,
  type KeepaliveTimes,
} from "@shoal/protocol";

/** How long a connection may take to come about, ms. */
export const connectLimitMs = 5_000;

/** MiB that node may hold for one session, so that its own guard never strikes before our windows do. */
const sessionMemoryMebibytes = 4 * (sessionWindowBytes / 2 ** 20);

export interface PooledSession {
  readonly session: ClientHttp2Session;
  /** Why the session broke, once it has. */
  readonly failure: ShoalError | undefined;
  /** A stream of it is over. */
  release(): void;
}

export interface Http2SessionPool {
  /** A session with room for one more stream, which is counted. */
  acquire(endpoint: string): PooledSession;
}

interface Entry {
  readonly endpoint: string;
  readonly session: ClientHttp2Session;
  streams: number;
  failure: ShoalError | undefined;
}

export interface SessionPoolOptions {
  readonly clock: Clock;
  readonly keepalive: KeepaliveTimes;
}

export function createHttp2SessionPool(options: SessionPoolOptions): Http2SessionPool {
  const entries = new Set<Entry>();
  return {
    acquire(endpoint) {
      const open = [...entries].find((entry) => entry.endpoint === endpoint && hasRoom(entry));
      const entry = open ?? openSession(endpoint, options, entries);
      entry.streams++;
      let released = false;
      return {
        session: entry.session,
        get failure() {
          return entry.failure;
        },
        release() {
          if (released) return;
          released = true;
          entry.streams--;
          if (entry.streams > 0) return;
          entries.delete(entry);
          entry.session.close();
        },
      };
    },
  };
}

function hasRoom({ session, streams }: Entry): boolean {
  return streams < maximumStreamsPerSession && !session.closed && !session.destroyed;
}

function openSession(endpoint: string, { clock, keepalive: times }: SessionPoolOptions, entries: Set<Entry>): Entry {
  const session = connect(`http://${endpoint}`, {
    settings: { initialWindowSize: streamWindowBytes, enablePush: false },
    maxSessionMemory: sessionMemoryMebibytes,
    createConnection: ({ hostname, port }: URL) =>
      connectSocket({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port), noDelay: true }),
  });
  const entry: Entry = { endpoint, session, streams: 0, failure: undefined };
  entries.add(entry);
  const fail = (reason: string, cause?: unknown, silentMs?: number): void => {
    entry.failure ??= transportLost(endpoint, reason, cause, silentMs);
    entries.delete(entry);
    session.destroy();
  };
  const connecting = clock.after(connectLimitMs, () => {
    fail(`no connection after ${connectLimitMs} ms`, undefined, connectLimitMs);
  });
  const keepalive = startKeepalive({
    clock,
    times,
    ping: (answered) => {
      if (!session.destroyed && !session.connecting) session.ping((error) => error ?? answered());
    },
    heard: () => (session.destroyed || session.connecting ? 0 : session.socket.bytesRead),
    lost: () => fail("the server does not answer any more", undefined, times.timeoutMs),
  });
  session.on("connect", () => {
    connecting.cancel();
    session.setLocalWindowSize(sessionWindowBytes);
  });
  session.on("error", (error) => fail(error.message, error));
  session.on("goaway", () => entries.delete(entry));
  session.on("close", () => {
    connecting.cancel();
    keepalive.stop();
    entries.delete(entry);
  });
  return entry;
}

/** @param reason a phrase that says what happened @param silentMs for how long nothing had come before */
export function transportLost(endpoint: string, reason: string, cause?: unknown, silentMs?: number): ShoalError {
  const sentence = `the connection to the parameter server at ${endpoint} is gone: ${reason}`;
  const details = { endpoint, ...(silentMs !== undefined && { silentMs }) };
  return new ShoalError("transport_lost", sentence, details, cause === undefined ? {} : { cause });
}
