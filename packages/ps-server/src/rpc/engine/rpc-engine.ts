/**
 * The interface between the parameter service and what carries it: an engine accepts gRPC streams and moves bytes, the
 * service gives the bytes their meaning.
 */
import type { Clock } from "@shoal/actors";
import type { ShoalError } from "@shoal/errors";
import type { KeepaliveTimes, MetadataReader, OutgoingFrame, RpcMethod } from "@shoal/protocol";

/** One stream of the service, as the engine offers it. */
export interface RpcStream {
  readonly method: RpcMethod;
  readonly metadata: MetadataReader;
  /** Sends a frame; `flushed` is called once when its bytes have left, or not at all when the stream breaks. */
  write(frame: OutgoingFrame, flushed: () => void): void;
  /** Stops reading: what the peer sends stays within the flow-control window. */
  pause(): void;
  resume(): void;
  /** Ends the stream behind what was written: with status OK, or with the error's status and the error as trailer. */
  end(error?: ShoalError): void;
  /** Breaks the stream: what was not sent is dropped. */
  reset(): void;
}

/** One stream of the service, as the engine drives it. */
export interface RpcStreamHandler {
  /** Bytes of the stream, in order, cut anywhere: gRPC's length-prefixed messages. */
  chunk(bytes: Uint8Array): void;
  /** The peer has said all it had to say. */
  ended(): void;
  /** The stream is over, one way or another; called once, last. */
  gone(): void;
}

/** Accepts a stream, or refuses it by throwing a ShoalError. */
export type RpcStreamOpener = (stream: RpcStream) => RpcStreamHandler;

/** What an engine is made with. */
export interface RpcEngineOptions {
  readonly open: RpcStreamOpener;
  readonly clock: Clock;
  /** Connections that may stand at a time. */
  readonly connections: number;
  readonly keepalive: KeepaliveTimes;
}

export interface RpcEngine {
  /** @returns where it listens; port 0 becomes the one that was given. @throws ShoalError port_in_use, invalid_argument */
  listen(address: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number }>;
  /** Breaks every stream and stops listening; settles when no handle is left. Idempotent. */
  close(): Promise<void>;
}
