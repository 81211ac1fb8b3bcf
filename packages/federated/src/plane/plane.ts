/**
 * The federated plane: how clients and the aggregator of a task reach each other. Ports; NATS (over TCP and WebSocket) and
 * an in-process plane implement them, and one contract holds for both.
 *
 * Subjects on NATS, with the permissions that each client is let in with:
 *
 *   shoal.<cluster>.fl.<task>.up.<client>       the client asks       it may publish here only
 *   shoal.<cluster>.fl.<task>.down.<client>     it is told            it may subscribe here,
 *   shoal.<cluster>.fl.<task>.all               all are told          here,
 *   _INBOX.<client>.>                           its answers           and here
 *
 * Bounds  a message has at most `mostMessageBytes`; requests have deadlines; notices may be lost.
 */
import type { ClientNotice } from "./notices.ts";
import type { ClientReply, ClientRequest } from "./requests.ts";

/** The aggregator's end. */
export interface AggregatorPlane {
  /**
   * Answers requests from now on. `client` is whom the plane let in, never what a message says. What `serve` throws is
   * told to the client as an error, and to nobody else.
   * @returns stops answering
   */
  serve(serve: (client: string, request: ClientRequest) => Promise<ClientReply>): () => Promise<void>;
  /** Best effort. */
  tell(client: string, notice: ClientNotice): void;
  /** To every client of the task. Best effort. */
  tellAll(notice: ClientNotice): void;
}

/** A client's end. */
export interface ClientPlane {
  /**
   * @throws ShoalError deadline_exceeded; transport_lost - no connection, or nobody serves the task; what the aggregator
   * threw; payload_too_large, codec_failed
   */
  request(request: ClientRequest, timeoutMs: number): Promise<ClientReply>;
  /** @returns stops listening */
  listen(onNotice: (notice: ClientNotice) => void): () => void;
  /** Told whenever the connection comes or goes. @returns stops watching */
  watch(onChange: (isConnected: boolean) => void): () => void;
  close(): Promise<void>;
}
