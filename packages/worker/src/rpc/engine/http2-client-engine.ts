/**
 * gRPC's wire on node:http2, the calling side.
 *
 * Source    https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import { constants, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import { ShoalError } from "@shoal/errors";
import { errorOfTrailers, errorTrailer, methodPath } from "@shoal/protocol";
import {
  createHttp2SessionPool,
  transportLost,
  type PooledSession,
  type SessionPoolOptions,
} from "./http2-session-pool.ts";
import type { ClientStream, ClientStreamHandler, RpcClientEngine } from "./rpc-client-engine.ts";

export function createHttp2ClientEngine(options: SessionPoolOptions): RpcClientEngine {
  const pool = createHttp2SessionPool(options);
  return {
    open(endpoint, method, metadata, handler) {
      const pooled = pool.acquire(endpoint);
      const stream = pooled.session.request({
        ":method": "POST",
        ":path": methodPath(method),
        "content-type": "application/grpc+proto",
        te: "trailers",
        ...metadata,
      });
      listen(stream, endpoint, pooled, handler);
      return wrap(stream);
    },
  };
}

function listen(
  stream: ClientHttp2Stream,
  endpoint: string,
  pooled: PooledSession,
  handler: ClientStreamHandler,
): void {
  let status: ShoalError | "ok" | undefined;
  let broken: Error | undefined;
  const readStatus = (headers: IncomingHttpHeaders): void => {
    if (headers["grpc-status"] === undefined) return;
    status =
      errorOfTrailers(text(headers["grpc-status"]), text(headers["grpc-message"]), text(headers[errorTrailer])) ?? "ok";
  };
  stream.on("response", (headers) => {
    readStatus(headers);
    const http = headers[":status"];
    if (http !== 200)
      status ??= new ShoalError("transport_lost", `${endpoint} answers with HTTP status ${http}: no parameter server`, {
        endpoint,
      });
  });
  stream.on("trailers", readStatus);
  stream.on("data", (chunk: Buffer) => handler.chunk(chunk));
  // The server has said its last word: our half, which would stay open, ends too.
  stream.on("end", () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.on("error", (error) => (broken = error));
  stream.on("close", () => {
    pooled.release();
    if (status !== undefined && status !== "ok") return handler.closed(status);
    const reason =
      broken?.message ?? (status === "ok" ? "the server has ended the stream" : "the server has closed it");
    handler.closed(pooled.failure ?? transportLost(endpoint, reason, broken));
  });
}

function text(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function wrap(stream: ClientHttp2Stream): ClientStream {
  return {
    write({ head, payload }, flushed) {
      if (payload === undefined || payload.length === 0) {
        stream.write(head, () => flushed());
        return;
      }
      stream.cork();
      stream.write(head);
      stream.write(payload, () => flushed());
      stream.uncork();
    },
    reset: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}
