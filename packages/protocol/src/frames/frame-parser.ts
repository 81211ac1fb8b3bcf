/**
 * Takes a gRPC stream apart as it comes: chunks of any size in, decoded headers and placed payloads out.
 *
 * The payload is the last field of its message. Once the header before it is decoded, the sink says where the payload
 * belongs, and every further chunk is copied straight there: the one copy between socket and kernel memory.
 *
 * Boundary  Knows neither sockets nor what a header says.
 * Bounds    Those of `header-collector.ts`. At most one chunk is held, while the sink waits for a place.
 * Invariants
 *   P1  How the stream was cut into chunks never shows in what the sink sees.
 *   P2  Bytes that are no such stream end in a ShoalError; after it every call throws it again.
 */
import { ShoalError } from "@shoal/errors";
import {
  createHeaderCollector,
  malformedFrame,
  type CollectedHeader,
  type HeaderCollector,
} from "./header-collector.ts";

/** Where a payload goes: into these bytes (exactly its length), nowhere, or "I will tell you": see `supply`. */
export type PayloadPlace = Uint8Array | "discard" | "wait";

export interface FrameSink<H> {
  /** A header has come; `payloadBytes` follow (0: no payload, and the place is not looked at). May throw. */
  begin(header: H, payloadBytes: number): PayloadPlace;
  /** The payload of that header is in its place. May throw. */
  end(header: H): void;
}

export interface FrameParserOptions<H> {
  readonly sink: FrameSink<H>;
  /** Decodes a header; borrows the bytes. @throws ShoalError codec_failed */
  readonly decode: (header: Uint8Array) => H;
  /** Copies `source` into `target` at `offset`; by default `target.set`, which is slow where `target` is shared. */
  readonly copy?: (source: Uint8Array, target: Uint8Array, offset: number) => void;
  /** Of a header; default 16 KiB. */
  readonly maximumHeaderBytes?: number;
}

export interface FrameParser {
  /** True while the sink owes a place: no chunk may be pushed. */
  readonly waiting: boolean;
  /** Takes the next bytes; keeps `chunk` while waiting. @throws ShoalError codec_failed, payload_too_large, the sink's */
  push(chunk: Uint8Array): void;
  /** Says where the payload goes that `begin` answered "wait" to, and goes on with the chunk that was held. */
  supply(place: Uint8Array | "discard"): void;
  /** What is still to come of the payload that is coming in is dropped: its place is not written to any more. */
  discardRest(): void;
  /** The stream has ended. @throws ShoalError codec_failed - in the middle of a message */
  finish(): void;
}

interface ParserState<H> {
  readonly collector: HeaderCollector;
  readonly sink: FrameSink<H>;
  readonly decode: (header: Uint8Array) => H;
  readonly copy: (source: Uint8Array, target: Uint8Array, offset: number) => void;
  part: "header" | "waiting" | "payload";
  header: H | undefined;
  place: Uint8Array | "discard";
  payloadBytes: number;
  placedBytes: number;
  held: Uint8Array;
  running: boolean;
  failure: ShoalError | undefined;
}

const nothing = new Uint8Array(0);

export function createFrameParser<H>(options: FrameParserOptions<H>): FrameParser {
  const state: ParserState<H> = {
    collector: createHeaderCollector(options.maximumHeaderBytes),
    copy: (source, target, offset) => target.set(source, offset),
    ...options,
    part: "header",
    header: undefined,
    place: "discard",
    payloadBytes: 0,
    placedBytes: 0,
    held: nothing,
    running: false,
    failure: undefined,
  };
  const check = (): void => {
    if (state.failure !== undefined) throw state.failure;
  };
  return {
    get waiting() {
      return state.part === "waiting" && state.failure === undefined;
    },
    push(chunk) {
      check();
      if (state.part === "waiting") throw new ShoalError("internal", "a chunk came while its predecessor was held");
      run(state, chunk);
    },
    supply(place) {
      check();
      if (state.part !== "waiting") throw new ShoalError("internal", "no payload waits for a place");
      accept(state, place);
      // Supplied from within `begin`: the loop that called it goes on by itself.
      if (!state.running) run(state, state.held);
    },
    discardRest() {
      state.place = "discard";
    },
    finish() {
      check();
      if (state.part !== "header" || !state.collector.empty) {
        throw malformedFrame("the stream ends in the middle of a message");
      }
    },
  };
}

function run<H>(state: ParserState<H>, chunk: Uint8Array): void {
  let position = 0;
  state.running = true;
  try {
    while (position < chunk.length && state.part !== "waiting") {
      position = state.part === "payload" ? takePayload(state, chunk, position) : takeHeader(state, chunk, position);
    }
    state.held = position < chunk.length ? chunk.subarray(position) : nothing;
  } catch (error) {
    state.held = nothing;
    state.failure = ShoalError.from(error);
    throw state.failure;
  } finally {
    state.running = false;
  }
}

function takeHeader<H>(state: ParserState<H>, chunk: Uint8Array, position: number): number {
  const collected = state.collector.take(chunk, position);
  const next = state.collector.position;
  if (collected !== undefined) begin(state, collected);
  return next;
}

function begin<H>(state: ParserState<H>, collected: CollectedHeader): void {
  const header = state.decode(collected.fields);
  state.header = header;
  state.payloadBytes = collected.payloadBytes;
  state.placedBytes = 0;
  state.part = "waiting";
  const place = state.sink.begin(header, collected.payloadBytes);
  if (collected.payloadBytes === 0) end(state);
  else if (place !== "wait") accept(state, place);
}

function accept<H>(state: ParserState<H>, place: Uint8Array | "discard"): void {
  if (place !== "discard" && place.length !== state.payloadBytes) {
    throw new ShoalError("internal", `a payload of ${state.payloadBytes} bytes got a place of ${place.length} bytes`);
  }
  state.place = place;
  state.part = "payload";
}

function takePayload<H>(state: ParserState<H>, chunk: Uint8Array, position: number): number {
  const count = Math.min(state.payloadBytes - state.placedBytes, chunk.length - position);
  const next = position + count;
  if (state.place !== "discard") {
    const whole = position === 0 && next === chunk.length;
    state.copy(whole ? chunk : chunk.subarray(position, next), state.place, state.placedBytes);
  }
  state.placedBytes += count;
  if (state.placedBytes === state.payloadBytes) end(state);
  return next;
}

function end<H>(state: ParserState<H>): void {
  const header = state.header as H;
  state.header = undefined;
  state.place = "discard";
  state.part = "header";
  state.sink.end(header);
}
