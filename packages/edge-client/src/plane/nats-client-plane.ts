/** A client's end of the federated plane over a connection of the NATS library: TCP in Node; whoever connected decides. */
import type { NatsConnection } from "@nats-io/nats-core";
import type { ClientPlane, TaskAddress } from "@shoal/federated";
import { ask, hear } from "../nats/ask-and-hear.ts";
import { createLinkPlane, type PlaneLink } from "./link-plane.ts";

export interface NatsClientPlaneOptions {
  /** With `inboxPrefix(client)` as its inbox prefix. The plane closes it. */
  readonly connection: NatsConnection;
  readonly address: TaskAddress;
  readonly client: string;
}

export function createNatsClientPlane({ connection, address, client }: NatsClientPlaneOptions): ClientPlane {
  const link: PlaneLink = {
    request: (subject, body, timeoutMs) => ask(connection, { subject, body, timeoutMs }),
    subscribe: (subject, onData) => hear(connection, subject, onData),
    watch(onChange) {
      let isWatching = true;
      onChange(!connection.isClosed());
      void follow(connection, (isConnected) => {
        if (isWatching) onChange(isConnected);
      });
      return () => {
        isWatching = false;
      };
    },
    close: () => connection.close(),
  };
  return createLinkPlane(link, address, client);
}

async function follow(connection: NatsConnection, onChange: (isConnected: boolean) => void): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "disconnect" || type === "staleConnection") onChange(false);
    if (type === "reconnect") onChange(true);
  }
  onChange(false);
}
