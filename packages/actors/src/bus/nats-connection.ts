/** Whether a NATS connection is up: nats-core tells by events only. */
import type { NatsConnection } from "@nats-io/nats-core";

export interface ConnectionState {
  readonly isUp: () => boolean;
}

/** Follows the connection's events until it is closed. */
export function watchConnection(connection: NatsConnection): ConnectionState {
  let up = true;
  const follow = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type === "disconnect" || status.type === "close") up = false;
      else if (status.type === "reconnect") up = true;
    }
  };
  const ended = (): void => {
    up = false;
  };
  follow().then(ended, ended);
  return { isUp: () => up && !connection.isClosed() && !connection.isDraining() };
}
