/**
 * Bounds what one connection has been given and the server has not yet confirmed.
 *
 * A NATS client takes every publish into its memory, however slowly the socket drains. Here each megabyte is followed
 * by a flush (PING), and the PONG says that the server has read everything before it.
 */
import type { NatsConnection } from "@nats-io/nats-core";

/** Most unconfirmed bytes: 16 MiB. */
export const maximumUnconfirmedBytes: number = 16 * 1024 * 1024;

/** A flush is sent for every so many bytes. */
const flushBytes = 1024 * 1024;

export interface OutboundWindow {
  /** Counts `bytes` as given to the connection; false, and nothing counted, when there is no room for them. */
  reserve(bytes: number): boolean;
}

export function createOutboundWindow(connection: Pick<NatsConnection, "flush">, limit: number): OutboundWindow {
  let sinceFlush = 0;
  let inFlush = 0;
  let isFlushing = false;

  const flush = (): void => {
    isFlushing = true;
    inFlush = sinceFlush;
    sinceFlush = 0;
    connection.flush().then(confirmed, confirmed);
  };
  // Also after a rejection: the connection broke, and with it went what it held.
  const confirmed = (): void => {
    isFlushing = false;
    inFlush = 0;
    if (sinceFlush >= flushBytes) flush();
  };
  return {
    reserve(bytes) {
      if (sinceFlush + inFlush + bytes > limit) return false;
      sinceFlush += bytes;
      if (sinceFlush >= flushBytes && !isFlushing) flush();
      return true;
    },
  };
}
