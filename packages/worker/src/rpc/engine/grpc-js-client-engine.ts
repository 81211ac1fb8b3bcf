/**
 * The calling side on @grpc/grpc-js: slower, since every message is gathered and copied; see the other engine for the
 * one that is used by default.
 *
 * Bounds    One channel an endpoint, closed with its last stream.
 */
import {
  Client,
  credentials,
  Metadata,
  type ChannelOptions,
  type ClientDuplexStream,
  type StatusObject,
} from "@grpc/grpc-js";
import {
  errorOfTrailers,
  errorTrailer,
  maximumMessageBytes,
  messagePrefix,
  methodPath,
  prefixBytes,
  streamWindowBytes,
  type KeepaliveTimes,
} from "@shoal/protocol";
import { transportLost } from "./http2-session-pool.ts";
import type { ClientStream, RpcClientEngine } from "./rpc-client-engine.ts";

interface Channel {
  readonly client: Client;
  streams: number;
}

const asItIs = (bytes: Buffer): Buffer => bytes;

const channelOptions = ({ intervalMs, timeoutMs }: KeepaliveTimes): ChannelOptions => ({
  "grpc.max_receive_message_length": maximumMessageBytes,
  "grpc.max_send_message_length": maximumMessageBytes,
  "grpc.keepalive_time_ms": intervalMs,
  "grpc.keepalive_timeout_ms": timeoutMs,
  "grpc-node.flow_control_window": streamWindowBytes,
  // Repeating is the parameter client's decision; the library would hold every message for it.
  "grpc.enable_retries": 0,
  "grpc.use_local_subchannel_pool": 1,
});

export function createGrpcJsClientEngine(keepalive: KeepaliveTimes): RpcClientEngine {
  const channels = new Map<string, Channel>();
  const acquire = (endpoint: string): Channel => {
    const known = channels.get(endpoint);
    const channel = known ?? {
      client: new Client(endpoint, credentials.createInsecure(), channelOptions(keepalive)),
      streams: 0,
    };
    channels.set(endpoint, channel);
    channel.streams++;
    return channel;
  };
  const release = (endpoint: string, channel: Channel): void => {
    channel.streams--;
    if (channel.streams > 0) return;
    channels.delete(endpoint);
    channel.client.close();
  };
  return {
    open(endpoint, method, metadata, handler) {
      const channel = acquire(endpoint);
      const call = channel.client.makeBidiStreamRequest(methodPath(method), asItIs, asItIs, metadataOf(metadata));
      call.on("data", (message: Buffer) => {
        handler.chunk(messagePrefix(message.length));
        handler.chunk(message);
      });
      // The status, which follows, says the same and more.
      call.on("error", () => undefined);
      call.on("status", ({ code, details, metadata: trailers }: StatusObject) => {
        release(endpoint, channel);
        const [trailer] = trailers.get(errorTrailer);
        const error = errorOfTrailers(String(code), details, typeof trailer === "string" ? trailer : undefined);
        handler.closed(error ?? transportLost(endpoint, "the server has ended the stream"));
      });
      return wrap(call);
    },
  };
}

function metadataOf(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

function wrap(call: ClientDuplexStream<Buffer, Buffer>): ClientStream {
  return {
    write({ head, payload }, flushed) {
      const message = head.subarray(prefixBytes);
      call.write(payload === undefined ? Buffer.from(message) : Buffer.concat([message, payload]), () => flushed());
    },
    reset: () => call.cancel(),
  };
}
