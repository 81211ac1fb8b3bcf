/**
 * The payload of one request on its way in: waits for a region, then says frame by frame where the bytes go.
 *
 * Invariant  A region is given back only when no frame is being written into it.
 */
import type { ShoalError } from "@shoal/errors";
import { beginTransfer, continueTransfer, type PayloadPlace } from "@shoal/protocol";
import type { StagingPlace, StagingRequest } from "./staging-pool.ts";

export interface IncomingPayload {
  /** The first frame. @throws ShoalError codec_failed */
  begin(payloadBytes: number): PayloadPlace;
  /** A further frame. @throws ShoalError codec_failed */
  next(offset: number, payloadBytes: number): PayloadPlace;
  /** The bytes of a frame are in their place. @returns true when they were the last of the payload */
  frameEnd(): boolean;
  /** The filled region, which from now on the caller gives back; undefined when there is none. */
  take(): StagingPlace | undefined;
  /**
   * Gives up: waits no longer, gives the region back, drops what still comes.
   * @param streamIsOver nothing comes any more, not even the rest of the frame that has begun
   */
  abandon(streamIsOver: boolean): void;
}

export interface IncomingPayloadOptions {
  readonly totalBytes: number;
  /** Asks for a region; undefined: the payload is dropped. */
  readonly request: ((settle: StagingRequest["settle"]) => { cancel(): void }) | undefined;
  /** Answers a frame that was told to wait. */
  readonly supply: (place: Uint8Array | "discard") => void;
  /** No region can be had. */
  readonly failed: (error: ShoalError) => void;
}

export function createIncomingPayload(options: IncomingPayloadOptions): IncomingPayload {
  const { totalBytes, supply } = options;
  let received = 0;
  let frameBytes = 0;
  let framed = false;
  let discarding = options.request === undefined;
  let waiting: { cancel(): void } | undefined;
  let region: StagingPlace | undefined;

  const place = (): Uint8Array | "discard" =>
    discarding || region === undefined ? "discard" : region.bytes.subarray(received - frameBytes, received);

  const settle = (answer: StagingPlace | "discard" | ShoalError): void => {
    const late = waiting !== undefined;
    waiting = undefined;
    if (answer === "discard") discarding = true;
    else if ("bytes" in answer) region = answer;
    else {
      discarding = true;
      options.failed(answer);
    }
    if (late) supply(place());
  };

  const giveBack = (): void => {
    region?.release();
    region = undefined;
  };

  return {
    begin(payloadBytes) {
      received = frameBytes = beginTransfer(totalBytes, payloadBytes);
      framed = true;
      if (payloadBytes === 0 || options.request === undefined) return "discard";
      const ticket = options.request(settle);
      if (region !== undefined || discarding) return place();
      waiting = ticket;
      return "wait";
    },
    next(offset, payloadBytes) {
      received = continueTransfer(received, totalBytes, offset, payloadBytes);
      frameBytes = payloadBytes;
      framed = true;
      return place();
    },
    frameEnd() {
      framed = false;
      if (discarding) giveBack();
      return received === totalBytes;
    },
    take() {
      const taken = region;
      region = undefined;
      return taken;
    },
    abandon(streamIsOver) {
      discarding = true;
      const ticket = waiting;
      waiting = undefined;
      ticket?.cancel();
      if (streamIsOver || !framed) giveBack();
      else if (ticket !== undefined) supply("discard");
    },
  };
}
