/**
 * The interface between the gRPC link and what carries it: an engine opens streams and moves bytes, the link gives the
 * bytes their meaning.
 */
import type { ShoalError } from "@shoal/errors";
import type { OutgoingFrame, RpcMethod } from "@shoal/protocol";

/** What an engine tells about a stream. */
export interface ClientStreamHandler {
  /** Bytes of the stream, in order, cut anywhere: gRPC's length-prefixed messages. */
  chunk(bytes: Uint8Array): void;
  /** The stream is over; called once, last, also when it never came to be. */
  closed(error: ShoalError): void;
}

/** One open stream. */
export interface ClientStream {
  /** Sends a frame; `flushed` is called once when its bytes have left, or not at all when the stream breaks. */
  write(frame: OutgoingFrame, flushed: () => void): void;
  /** Breaks the stream; `closed` follows. */
  reset(): void;
}

export interface RpcClientEngine {
  /**
   * Opens a stream; returns before the server has answered.
   * @param endpoint `host:port`
   */
  open(
    endpoint: string,
    method: RpcMethod,
    metadata: Readonly<Record<string, string>>,
    handler: ClientStreamHandler,
  ): ClientStream;
}
