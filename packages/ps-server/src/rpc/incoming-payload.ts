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
  /** Asks for a region. */
  readonly request: (settle: StagingRequest["settle"]) => { cancel(): void };
  /** Answers a frame that was told to wait. */
  readonly supply: (place: Uint8Array | "discard") => void;
  /** No region can be had. */
  readonly failed: (error: ShoalError) => void;
}

interface Incoming extends IncomingPayloadOptions {
  received: number;
  frameBytes: number;
  /** A frame's bytes are being placed, or wait for their place. */
  framed: boolean;
  discarding: boolean;
  waiting: { cancel(): void } | undefined;
  region: StagingPlace | undefined;
}

export function createIncomingPayload(options: IncomingPayloadOptions): IncomingPayload {
  const incoming: Incoming = {
    ...options,
    received: 0,
    frameBytes: 0,
    framed: false,
    discarding: false,
    waiting: undefined,
    region: undefined,
  };
  return {
    begin(payloadBytes) {
      startFrame(incoming, beginTransfer(options.totalBytes, payloadBytes), payloadBytes);
      if (payloadBytes === 0) return "discard";
      const ticket = options.request((answer) => settle(incoming, answer));
      if (incoming.region !== undefined || incoming.discarding) return placeOf(incoming);
      incoming.waiting = ticket;
      return "wait";
    },
    next(offset, payloadBytes) {
      const received = continueTransfer(incoming.received, options.totalBytes, offset, payloadBytes);
      startFrame(incoming, received, payloadBytes);
      return placeOf(incoming);
    },
    frameEnd() {
      incoming.framed = false;
      if (incoming.discarding) giveBack(incoming);
      return incoming.received === options.totalBytes;
    },
    take() {
      const taken = incoming.region;
      incoming.region = undefined;
      return taken;
    },
    abandon(streamIsOver) {
      const ticket = incoming.waiting;
      incoming.discarding = true;
      incoming.waiting = undefined;
      ticket?.cancel();
      if (streamIsOver || !incoming.framed) giveBack(incoming);
      else if (ticket !== undefined) options.supply("discard");
    },
  };
}

function startFrame(incoming: Incoming, received: number, payloadBytes: number): void {
  incoming.received = received;
  incoming.frameBytes = payloadBytes;
  incoming.framed = true;
}

function placeOf({ region, discarding, received, frameBytes }: Incoming): Uint8Array | "discard" {
  return discarding || region === undefined ? "discard" : region.bytes.subarray(received - frameBytes, received);
}

/** An answer that comes at once is used by `begin`; one that comes later finds the frame waiting. */
function settle(incoming: Incoming, answer: StagingPlace | "discard" | ShoalError): void {
  const late = incoming.waiting !== undefined;
  incoming.waiting = undefined;
  if (answer !== "discard" && "bytes" in answer) incoming.region = answer;
  else incoming.discarding = true;
  if (answer !== "discard" && !("bytes" in answer)) incoming.failed(answer);
  if (late) incoming.supply(placeOf(incoming));
}

function giveBack(incoming: Incoming): void {
  incoming.region?.release();
  incoming.region = undefined;
}
