/**
 * The aggregator's end of the federated plane over NATS.
 *
 * Identity    A request comes from the client whose subject it came on: nats-server lets nobody else publish there.
 *             Where it wants its answer is not checked by the server: an answer goes to the client's own inbox, or nowhere.
 * Bounds      `mostRequests` under way, `mostOfClient` of each client; what comes beyond is answered with `no_capacity` and
 *             repeated by its client. A client holds at most a window of chunks, so what leaves is bounded by clients that
 *             are served.
 */
import { headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { ShoalError } from "@shoal/errors";
import {
  allSubject,
  clientOfSubject,
  clientRequestSchema,
  decodeMessage,
  downSubject,
  encodeError,
  encodeMessage,
  errorHeader,
  inboxPrefix,
  upSubject,
  type AggregatorPlane,
  type ClientReply,
  type ClientRequest,
  type TaskAddress,
} from "@shoal/federated";
import { createRequestSlots } from "./request-slots.ts";

const mostRequests = 4_096;
/** A client has a window of chunks under way, and a few requests beside; as many again from before its line broke. */
const mostOfClient = 32;

/** @param connection - borrowed: whoever connected closes it */
export function createNatsAggregatorPlane(connection: NatsConnection, address: TaskAddress): AggregatorPlane {
  const publish = (subject: string, notice: object): void => {
    // Notices may be lost; one that meets a closed connection is.
    if (!connection.isClosed()) connection.publish(subject, encodeMessage(notice));
  };
  return {
    serve(serve) {
      const slots = createRequestSlots(mostRequests, mostOfClient);
      let isServing = true;
      const subscription = connection.subscribe(upSubject(address, "*"), {
        callback(error, message) {
          if (error !== null || !isAnsweredToSender(message)) return;
          if (!isServing) {
            answerError(message, new ShoalError("transport_lost", "nobody serves the task now"));
            return;
          }
          const client = clientOfSubject(message.subject);
          if (!slots.take(client)) {
            answerError(message, new ShoalError("no_capacity", "too many requests are being served; ask again"));
            return;
          }
          void answer(serve, message).finally(() => slots.give(client));
        },
      });
      return async () => {
        isServing = false;
        // What the server sends before it has heard of the end is answered: its sender would wait for nothing.
        subscription.drain().catch(() => undefined);
      };
    },
    tell: (client, notice) => publish(downSubject(address, client), notice),
    tellAll: (notice) => publish(allSubject(address), notice),
  };
}

/** Else a client could have us say something in its place to anybody in the cluster. */
function isAnsweredToSender({ subject, reply }: Msg): boolean {
  return reply?.startsWith(`${inboxPrefix(clientOfSubject(subject))}.`) === true;
}

async function answer(
  serve: (client: string, request: ClientRequest) => Promise<ClientReply>,
  message: Msg,
): Promise<void> {
  try {
    const request = decodeMessage(message.data, clientRequestSchema);
    const reply = await serve(clientOfSubject(message.subject), request);
    message.respond(encodeMessage(reply));
  } catch (error) {
    answerError(message, error);
  }
}

function answerError(message: Msg, error: unknown): void {
  const header = headers();
  header.set(errorHeader, "1");
  message.respond(encodeError(error), { headers: header });
}
