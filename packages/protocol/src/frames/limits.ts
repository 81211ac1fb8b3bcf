/** Bounds of the data plane. Both ends use the same numbers; a peer that passes one is told so. */

/** Bytes of a frame's header: everything of the message before its payload. A header carries no tensor. */
export const maximumHeaderBytes: number = 16 * 1024;
/** The same on a stream between servers, where an entry names each push behind it, or the members of a run. */
export const maximumEntryHeaderBytes: number = 3 * 1024 * 1024;
/** Payload of one frame as we send it: small enough that acknowledgements slip in between, large enough to be cheap. */
export const sentPayloadBytes: number = 1024 * 1024;
/** Payload of one frame as we accept it. */
export const maximumPayloadBytes: number = 4 * 1024 * 1024;
/** Whole message in one gRPC frame: header, payload, and the payload's tag and length. */
export const maximumMessageBytes: number = maximumHeaderBytes + maximumPayloadBytes + 16;
/** Payload of one request or response over all its frames: what a uint32 counts, less than one WebAssembly memory. */
export const maximumTensorBytes: number = 0xffff_fffc;

/** Requests in flight on one stream; one more is answered with `mailbox_full`. */
export const maximumRequestsInFlight: number = 64;

/** HTTP/2 flow-control window of a stream: what a sender may have under way while its receiver does not read. */
export const streamWindowBytes: number = 4 * 1024 * 1024;
/** Streams of one HTTP/2 session: the runs that a worker process may have on one server at a time. */
export const maximumStreamsPerSession: number = 16;
/** HTTP/2 flow-control window of a session: every stream's window fits, so that no stream can hold up another. */
export const sessionWindowBytes: number = maximumStreamsPerSession * streamWindowBytes;

/** How a side notices that the other has gone without saying so. */
export interface KeepaliveTimes {
  /** It asks "are you there?" so often, ms ... */
  readonly intervalMs: number;
  /** ... and takes the connection for lost when no answer comes for this long, ms. */
  readonly timeoutMs: number;
}

/**
 * A line that is dead without a word is noticed after 5.5 s at most. Not sooner, because a process that applies an update to
 * 10⁸ parameters answers nothing for a second, and several on a machine that is busy; a shard that another server has
 * taken over does not wait for it, since its new placement ends the calls to the old one.
 */
export const defaultKeepalive: KeepaliveTimes = { intervalMs: 500, timeoutMs: 5_000 };
