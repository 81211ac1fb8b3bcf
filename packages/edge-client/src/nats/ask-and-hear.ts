/** What of NATS a client uses, over one connection of the NATS library. */
import { NoRespondersError, type NatsConnection } from "@nats-io/nats-core/internal";
import { ShoalError } from "@shoal/errors";
import { errorHeader } from "@shoal/federated";
import type { LinkReply } from "../plane/link-plane.ts";

export interface Question {
  readonly subject: string;
  /** Borrowed until it is answered. */
  readonly body: Uint8Array;
  readonly timeoutMs: number;
}

/** @throws ShoalError deadline_exceeded; transport_lost - no connection, or nobody hears it; payload_too_large */
export async function ask(connection: NatsConnection, question: Question): Promise<LinkReply> {
  const { subject, body, timeoutMs } = question;
  const most = connection.info?.max_payload ?? Infinity;
  if (body.length > most) {
    const sentence = `nats-server takes ${most} bytes, not ${body.length}`;
    throw new ShoalError("payload_too_large", sentence, { bytes: body.length, most });
  }
  try {
    const { data, headers } = await connection.request(subject, body, { timeout: timeoutMs });
    return { data, isError: headers?.has(errorHeader) === true };
  } catch (cause) {
    throw failureOf(cause as Error, timeoutMs);
  }
}

function failureOf(error: Error, timeoutMs: number): ShoalError {
  const { name, message, cause } = error;
  if (name === "TimeoutError") {
    const sentence = `the aggregator did not answer within ${timeoutMs} ms`;
    return new ShoalError("deadline_exceeded", sentence, {}, { cause: error });
  }
  // No responders, or a closed connection: nobody has heard it.
  const sentence = cause instanceof NoRespondersError ? "nobody serves the task now" : `the connection: ${message}`;
  return new ShoalError("transport_lost", sentence, {}, { cause: error });
}

/** @returns stops; over a closed connection nothing is heard */
export function hear(connection: NatsConnection, subject: string, onData: (data: Uint8Array) => void): () => void {
  if (connection.isClosed()) return () => undefined;
  const subscription = connection.subscribe(subject, {
    callback(error, message) {
      if (error === null) onData(message.data);
    },
  });
  return () => subscription.unsubscribe();
}
