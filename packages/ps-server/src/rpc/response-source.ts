/** Cuts a response into frames, when the stream has room for them. */
import { encodeResponseFrame, sentPayloadBytes, type FrameSource, type ResponseOutcome } from "@shoal/protocol";

export interface ResponseSource extends FrameSource {
  /** Sends no further frame. */
  abort(): void;
}

/** @param payload - sent as it lies: borrowed until `finished` has been called */
export function createResponseSource(
  request: number,
  outcome: ResponseOutcome,
  payload: Uint8Array,
  finished: () => void,
): ResponseSource {
  let offset = 0;
  let aborted = false;
  return {
    next() {
      if (aborted || (offset > 0 && offset >= payload.length)) return undefined;
      const part = payload.subarray(offset, offset + sentPayloadBytes);
      const head =
        offset === 0
          ? encodeResponseFrame({ type: "head", request, outcome, totalBytes: payload.length }, part.length)
          : encodeResponseFrame({ type: "continuation", request, offset }, part.length);
      offset += part.length;
      return { head, payload: part };
    },
    abort() {
      aborted = true;
    },
    finished,
  };
}
