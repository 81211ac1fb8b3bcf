/** A client's end of the federated plane over NATS: TCP in Node, WebSocket in browsers; whoever connected decides. */
import { NoRespondersError, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { isShoalError, ShoalError } from "@shoal/errors";
import {
  allSubject,
  clientNoticeSchema,
  decodeError,
  decodeMessage,
  decodeReply,
  downSubject,
  encodeMessage,
  errorHeader,
  upSubject,
  type ClientNotice,
  type ClientPlane,
  type TaskAddress,
} from "@shoal/federated";

export interface NatsClientPlaneOptions {
  /** With `inboxPrefix(client)` as its inbox prefix. The plane closes it. */
  readonly connection: NatsConnection;
  readonly address: TaskAddress;
  readonly client: string;
}

export function createNatsClientPlane({ connection, address, client }: NatsClientPlaneOptions): ClientPlane {
  const subject = upSubject(address, client);
  return {
    async request(request, timeoutMs) {
      const reply = await ask(connection, subject, encodeMessage(request), timeoutMs);
      if (reply.headers?.has(errorHeader) === true) throw decodeError(reply.data);
      return decodeReply(reply.data);
    },
    listen(onNotice) {
      const callback = (error: Error | null, message: Msg): void => {
        const notice = error === null ? readNotice(message) : undefined;
        if (notice !== undefined) onNotice(notice);
      };
      const own = [downSubject(address, client), allSubject(address)].map((each) =>
        connection.subscribe(each, { callback }),
      );
      return () => {
        for (const subscription of own) subscription.unsubscribe();
      };
    },
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
}

async function ask(connection: NatsConnection, subject: string, body: Uint8Array, timeout: number): Promise<Msg> {
  try {
    return await connection.request(subject, body, { timeout });
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

/** A notice that makes no sense is passed over: the next check-in says the same. */
function readNotice(message: Msg): ClientNotice | undefined {
  try {
    return decodeMessage(message.data, clientNoticeSchema);
  } catch (error) {
    if (isShoalError(error)) return undefined;
    throw error;
  }
}

async function follow(connection: NatsConnection, onChange: (isConnected: boolean) => void): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "disconnect" || type === "staleConnection") onChange(false);
    if (type === "reconnect") onChange(true);
  }
  onChange(false);
}
