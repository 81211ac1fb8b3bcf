/**
 * gRPC's wire on node:http2: HEADERS, length-prefixed messages as DATA, trailers.
 *
 * Bounds    `connections` sessions, 16 streams a session, 4 MiB a stream on its way in while it is not read. A session
 *           whose peer does not answer a ping in time is destroyed.
 * Source    https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import { once } from "node:events";
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Clock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  errorTrailers,
  maximumStreamsPerSession,
  methodOfPath,
  sessionWindowBytes,
  startKeepalive,
  streamWindowBytes,
  type MetadataReader,
  type RpcMethod,
} from "@shoal/protocol";
import type { RpcEngine, RpcEngineOptions, RpcStream, RpcStreamHandler } from "./rpc-engine.ts";
import { listenOn } from "./listen-on.ts";
import { timeoutOf } from "./grpc-timeout.ts";

/** MiB that node may hold for one session, so that its own guard never strikes before our windows do. */
const sessionMemoryMebibytes = 4 * (sessionWindowBytes / 2 ** 20);

/** How long a peer may take to notice that its stream has been answered for good, ms. */
const dismissMs = 1_000;

const contentType = "application/grpc+proto";

export function createHttp2Engine(options: RpcEngineOptions): RpcEngine {
  const server = createServer({
    settings: { initialWindowSize: streamWindowBytes, maxConcurrentStreams: maximumStreamsPerSession },
    maxSessionMemory: sessionMemoryMebibytes,
  });
  const sessions = new Set<ServerHttp2Session>();
  // Acknowledgements are small and awaited: they must not wait for company.
  server.on("connection", (socket: Socket) => socket.setNoDelay(true));
  server.on("session", (session) => admitSession(session, sessions, options));
  server.on("stream", (stream: ServerHttp2Stream, headers) => acceptStream(stream, headers, options));
  // Without a listener an error of one session would end the process; its streams tell their handlers by `close`.
  server.on("sessionError", () => undefined);
  let closing: Promise<void> | undefined;
  return {
    listen: (address) => listenOn(server, address),
    close() {
      closing ??= closeServer(server, sessions);
      return closing;
    },
  };
}

async function closeServer(server: Http2Server, sessions: ReadonlySet<ServerHttp2Session>): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  for (const session of sessions) session.destroy();
  await closed;
}

function admitSession(session: ServerHttp2Session, sessions: Set<ServerHttp2Session>, options: RpcEngineOptions): void {
  if (sessions.size >= options.connections) {
    session.destroy();
    return;
  }
  sessions.add(session);
  session.setLocalWindowSize(sessionWindowBytes);
  const keepalive = startKeepalive({
    clock: options.clock,
    times: options.keepalive,
    ping: (answered) => {
      if (!session.destroyed) session.ping((error) => error ?? answered());
    },
    heard: () => (session.destroyed ? 0 : session.socket.bytesRead),
    lost: () => session.destroy(),
  });
  session.on("close", () => {
    keepalive.stop();
    sessions.delete(session);
  });
}

function acceptStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: RpcEngineOptions): void {
  stream.on("error", () => undefined);
  if (headers[":method"] !== "POST" || !String(headers["content-type"]).startsWith("application/grpc")) {
    stream.respond({ ":status": constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE }, { endStream: true });
    return;
  }
  const method = methodOfPath(String(headers[":path"]));
  if (method === undefined) {
    refuse(stream, { "grpc-status": "12", "grpc-message": "no such method" }, options.clock);
    return;
  }
  try {
    serve(stream, method, headers, options);
  } catch (error) {
    refuse(stream, errorTrailers(ShoalError.from(error)), options.clock);
  }
}

/** Trailers-only response: the call fails before it has begun. */
function refuse(stream: ServerHttp2Stream, trailers: Readonly<Record<string, string>>, clock: Clock): void {
  stream.respond({ ":status": 200, "content-type": contentType, ...trailers }, { endStream: true });
  dismiss(stream, clock);
}

/**
 * The answer is complete. A peer that has read it ends its half; one that goes on all the same is not listened to, and
 * is cut off after a while (not at once: a reset may overtake the answer).
 */
function dismiss(stream: ServerHttp2Stream, clock: Clock): void {
  stream.removeAllListeners("data");
  stream.resume();
  const timer = clock.after(dismissMs, () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.once("close", () => timer.cancel());
}

function serve(
  stream: ServerHttp2Stream,
  method: RpcMethod,
  headers: IncomingHttpHeaders,
  options: RpcEngineOptions,
): void {
  const metadata: MetadataReader = (key) => {
    const value = headers[key];
    return typeof value === "string" ? value : undefined;
  };
  const timeoutMs = timeoutOf(metadata("grpc-timeout"));
  const rpc = wrapStream(stream, method, metadata, options.clock);
  const handler = options.open(rpc);
  stream.respond(
    { ":status": 200, "content-type": contentType, "grpc-accept-encoding": "identity" },
    { waitForTrailers: true },
  );
  attach(stream, handler);
  if (timeoutMs === undefined) return;
  const timer = options.clock.after(timeoutMs, () => {
    handler.gone();
    const sentence = `${method} of ${metadata("shoal-node") ?? "a caller"}: the timeout of ${timeoutMs} ms that it set is over`;
    rpc.end(new ShoalError("deadline_exceeded", sentence, { timeoutMs }));
  });
  stream.on("close", () => timer.cancel());
}

function attach(stream: ServerHttp2Stream, handler: RpcStreamHandler): void {
  stream.on("data", (chunk: Buffer) => handler.chunk(chunk));
  stream.on("end", () => handler.ended());
  stream.on("close", () => handler.gone());
}

function wrapStream(stream: ServerHttp2Stream, method: RpcMethod, metadata: MetadataReader, clock: Clock): RpcStream {
  let trailers: Readonly<Record<string, string>> = { "grpc-status": "0" };
  stream.on("wantTrailers", () => {
    stream.sendTrailers({ ...trailers });
    dismiss(stream, clock);
  });
  return {
    method,
    metadata,
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
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    end(error) {
      if (stream.destroyed || stream.writableEnded) return;
      if (error !== undefined) trailers = errorTrailers(error);
      stream.end();
    },
    reset: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}
