/** A client's end of the federated plane over a connection of the NATS library: TCP in Node; whoever connected decides. */
import { NoRespondersError, type NatsConnection } from "@nats-io/nats-core";
import { ShoalError } from "@shoal/errors";
import { errorHeader, type ClientPlane, type TaskAddress } from "@shoal/federated";
import { createLinkPlane, type LinkReply } from "./link-plane.ts";

export interface NatsClientPlaneOptions {
  /** With `inboxPrefix(client)` as its inbox prefix. The plane closes it. */
  readonly connection: NatsConnection;
  readonly address: TaskAddress;
  readonly client: string;
}

export function createNatsClientPlane({ connection, address, client }: NatsClientPlaneOptions): ClientPlane {
  const link = {
    request: (subject: string, body: Uint8Array, timeoutMs: number) => ask(connection, subject, body, timeoutMs),
    subscribe(subject: string, onData: (data: Uint8Array) => void) {
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) onData(message.data);
        },
      });
      return () => subscription.unsubscribe();
    },
    watch(onChange: (isConnected: boolean) => void) {
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

async function ask(connection: NatsConnection, subject: string, body: Uint8Array, timeout: number): Promise<LinkReply> {
  try {
    const { data, headers } = await connection.request(subject, body, { timeout });
    return { data, isError: headers?.has(errorHeader) === true };
  } catch (error) {
    const { name, message, cause } = error as Error;
    if (name === "TimeoutError") {
      throw new ShoalError(
        "deadline_exceeded",
        `the aggregator did not answer within ${timeout} ms`,
        {},
        { cause: error },
      );
    }
    // No responders, a closed or a draining connection: nobody has heard it.
    const sentence = cause instanceof NoRespondersError ? "nobody serves the task now" : `the connection: ${message}`;
    throw new ShoalError("transport_lost", sentence, {}, { cause: error });
  }
}

async function follow(connection: NatsConnection, onChange: (isConnected: boolean) => void): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "disconnect" || type === "staleConnection") onChange(false);
    if (type === "reconnect") onChange(true);
  }
  onChange(false);
}
