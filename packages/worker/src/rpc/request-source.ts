/**
 * Cuts a request into frames, so that it can be given up at any moment without harm.
 *
 * The bytes of a large payload are sent as they lie, and the caller may write over them once its call has ended, also
 * when some have not left by then. So the last bytes, without which no server acts on the request, are held back until
 * all others have left, and are sent as a copy: a request is either complete and untouched, or cancelled.
 */
import {
  encodeRequestFrame,
  sentPayloadBytes,
  type FrameSource,
  type OutgoingFrame,
  type RequestHead,
} from "@shoal/protocol";

/** Payloads up to this length are copied and sent at once: dearer than a flush would be waiting for one. */
const copiedPayloadBytes = 64 * 1024;
/** Bytes that are held back of a larger payload. */
const tailBytes = 4 * 1024;

export interface RequestSource extends FrameSource {
  /** True when every frame has been handed over. */
  readonly complete: boolean;
  /** Gives the request up: lets go of the payload; a request that has begun ends with a cancel frame. */
  abort(): void;
}

/**
 * @param head - makes the first frame's header at the moment when it is sent
 * @param payload - borrowed until `complete` or `abort`
 */
export function createRequestSource(head: () => RequestHead, payload: Uint8Array): RequestSource {
  const number = { request: 0 };
  let rest: Uint8Array | undefined = payload;
  let offset = 0;
  let begun = false;
  let flushed = false;
  let aborted = false;

  const frame = (part: Uint8Array): Uint8Array => {
    if (begun) return encodeRequestFrame({ type: "continuation", request: number.request, offset }, part.length);
    begun = true;
    const first = head();
    number.request = first.request;
    return encodeRequestFrame(first, part.length);
  };
  const sendAsItLies = (whole: Uint8Array, end: number): OutgoingFrame => {
    const part = whole.subarray(offset, Math.min(offset + sentPayloadBytes, end));
    const made = { head: frame(part), payload: part };
    offset += part.length;
    return made;
  };
  const sendCopy = (whole: Uint8Array): OutgoingFrame => {
    const part = whole.subarray(offset);
    const header = frame(part);
    const bytes = Buffer.allocUnsafeSlow(header.length + part.length);
    bytes.set(header);
    copyInto(part, bytes, header.length);
    rest = undefined;
    return { head: bytes };
  };

  return {
    get complete() {
      return rest === undefined && !aborted;
    },
    next() {
      if (aborted) return nextOfAborted();
      if (rest === undefined) return undefined;
      const bulkEnd = rest.length <= copiedPayloadBytes ? 0 : rest.length - tailBytes;
      if (offset < bulkEnd) return sendAsItLies(rest, bulkEnd);
      if (bulkEnd === 0 || flushed) return sendCopy(rest);
      flushed = true;
      return "flush";
    },
    abort() {
      if (rest === undefined) return;
      aborted = true;
      rest = undefined;
    },
    finished: () => undefined,
  };

  function nextOfAborted(): OutgoingFrame | undefined {
    if (!begun) return undefined;
    begun = false;
    return { head: encodeCancel(number.request) };
  }
}

/** The frame that tells the server to forget a request. */
export function encodeCancel(request: number): Uint8Array {
  return encodeRequestFrame({ type: "head", request, kind: { type: "cancel" }, totalBytes: 0, deadlineMs: 0 }, 0);
}

/** Buffer's copy is the one way that is fast from and into shared memory at any alignment. */
export function copyInto(source: Uint8Array, target: Uint8Array, offset: number): void {
  Buffer.prototype.copy.call(source, target, offset);
}
