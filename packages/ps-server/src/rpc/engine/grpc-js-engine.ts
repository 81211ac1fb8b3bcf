/**
 * The same service on @grpc/grpc-js: slower (every message is gathered and copied), but the reference implementation of
 * the wire for Node. It stands by for environments that node:http2 alone does not serve, and keeps the other engine
 * honest: both pass the same tests.
 *
 * Bounds    Messages as in `limits.ts`; 16 streams a session. A stream that is not read holds at most the library's own
 *           window and one message.
 */
import { once } from "node:events";
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServerDuplexStream,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { ShoalError } from "@shoal/errors";
import {
  errorTrailer,
  errorTrailers,
  maximumMessageBytes,
  maximumStreamsPerSession,
  messagePrefix,
  methodPath,
  prefixBytes,
  rpcMethods,
  type RpcMethod,
} from "@shoal/protocol";
import type { ListenAddress } from "./listen-on.ts";
import type { RpcEngine, RpcEngineOptions, RpcStream, RpcStreamHandler } from "./rpc-engine.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

const asItIs = (bytes: Buffer): Buffer => bytes;

export function createGrpcJsEngine(options: RpcEngineOptions): RpcEngine {
  const server = new Server({
    "grpc.max_receive_message_length": maximumMessageBytes,
    "grpc.max_send_message_length": maximumMessageBytes,
    "grpc.max_concurrent_streams": maximumStreamsPerSession,
    "grpc.keepalive_time_ms": options.keepalive.intervalMs,
    "grpc.keepalive_timeout_ms": options.keepalive.timeoutMs,
  });
  const handlers = rpcMethods.map((method) => [method, (call: Call) => serve(call, method, options)] as const);
  server.addService(definition(), Object.fromEntries(handlers));
  return {
    listen: (address) => bind(server, address),
    close() {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

/** Messages pass as bytes: what is in them is the frame parser's business. */
function definition(): ServiceDefinition {
  const methods = rpcMethods.map((method) => [
    method,
    {
      path: methodPath(method),
      requestStream: true,
      responseStream: true,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    },
  ]);
  return Object.fromEntries(methods) as ServiceDefinition;
}

function bind(server: Server, { host, port }: ListenAddress): Promise<ListenAddress> {
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(place, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve({ host, port: bound });
      else
        reject(
          new ShoalError(
            "port_in_use",
            `cannot listen on ${place}: ${error.message}`,
            { host, port },
            { cause: error },
          ),
        );
    });
  });
}

function serve(call: Call, method: RpcMethod, { open }: RpcEngineOptions): void {
  const stream = wrap(call, method);
  let handler: RpcStreamHandler;
  try {
    handler = open(stream);
  } catch (error) {
    stream.end(ShoalError.from(error));
    call.resume();
    return;
  }
  call.on("data", (message: Buffer) => {
    handler.chunk(messagePrefix(message.length));
    handler.chunk(message);
  });
  call.on("end", () => handler.ended());
  void once(call, "close").then(
    () => handler.gone(),
    () => handler.gone(),
  );
}

function wrap(call: Call, method: RpcMethod): RpcStream {
  return {
    method,
    metadata(key) {
      const [value] = call.metadata.get(key);
      return typeof value === "string" ? value : undefined;
    },
    write({ head, payload }, flushed) {
      const message = head.subarray(prefixBytes);
      call.write(payload === undefined ? Buffer.from(message) : Buffer.concat([message, payload]), () => flushed());
    },
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    end(error) {
      if (error === undefined) call.end();
      else call.emit("error", statusOf(error));
    },
    reset: () => call.emit("error", { code: status.CANCELLED, details: "the stream was reset" }),
  };
}

function statusOf(error: ShoalError): { readonly code: number; readonly details: string; readonly metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set(errorTrailer, errorTrailers(error)[errorTrailer] ?? "");
  return { code: error.row.grpcStatus, details: error.message, metadata };
}
