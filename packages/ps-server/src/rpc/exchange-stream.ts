/**
 * One stream of one worker, or of one server: tells its frames apart, keeps its requests, sends their responses.
 *
 * Bounds    `requestsInFlight` (64) requests; one more is answered with `mailbox_full`, and a worker that goes on like
 *           that without reading the answers loses its stream. At most one payload is coming in at a time.
 */
import { ShoalError } from "@shoal/errors";
import {
  createFrameParser,
  createFramePump,
  decodeRequestFrame,
  malformedFrame,
  maximumEntryHeaderBytes,
  type LinkIdentity,
  type PeerIdentity,
  type PayloadPlace,
  type RequestFrame,
  type RequestHead,
  type ResponseOutcome,
} from "@shoal/protocol";
import type { RpcStream, RpcStreamHandler } from "./engine/rpc-engine.ts";
import {
  answer,
  endWhenAnswered,
  type Exchange,
  type ExchangeSurroundings,
  type OpenRequest,
} from "./exchange-answers.ts";
import type { PullCopy } from "./pull-copies.ts";
import { createRefusedRequest } from "./refused-request.ts";
import { createReplicaRequest } from "./replica-request.ts";
import { checkRequest } from "./request-check.ts";
import { createServerRequest, type ServerRequest } from "./server-request.ts";

export function openExchangeStream(
  surroundings: ExchangeSurroundings,
  stream: RpcStream,
  identity: LinkIdentity | PeerIdentity,
): RpcStreamHandler {
  const exchange: Exchange = {
    ...surroundings,
    stream,
    identity,
    parser: createFrameParser<RequestFrame>({
      decode: decodeRequestFrame,
      copy: copyBytes,
      ...("server" in identity && { maximumHeaderBytes: maximumEntryHeaderBytes }),
      sink: {
        begin: (frame, payloadBytes) => begin(exchange, frame, payloadBytes),
        end: (frame) => end(exchange, frame),
      },
    }),
    pump: createFramePump({ write: (frame, flushed) => stream.write(frame, flushed) }),
    open: new Map(),
    unsentAnswers: 0,
    incoming: undefined,
    peerEnded: false,
    over: false,
  };
  return {
    chunk: (bytes) => guarded(exchange, () => exchange.parser.push(bytes)),
    ended: () =>
      guarded(exchange, () => {
        exchange.parser.finish();
        if (exchange.incoming !== undefined) throw malformedFrame("the stream ends in the middle of a request");
        exchange.peerEnded = true;
        endWhenAnswered(exchange);
      }),
    gone: () => abandon(exchange),
  };
}

/** Buffer's copy is the one way that is fast into shared memory at any alignment. */
function copyBytes(source: Uint8Array, target: Uint8Array, offset: number): void {
  Buffer.prototype.copy.call(source, target, offset);
}

/** Runs what handles the peer's bytes: when they break a promise, the stream ends with the error. */
function guarded(exchange: Exchange, handle: () => void): void {
  if (exchange.over) return;
  try {
    handle();
  } catch (error) {
    abandon(exchange);
    exchange.stream.end(ShoalError.from(error));
  }
}

function abandon(exchange: Exchange): void {
  exchange.over = true;
  exchange.pump.stop();
  exchange.incoming?.drop(true);
  for (const { request, abort } of exchange.open.values()) {
    request?.drop(true);
    abort();
  }
  exchange.open.clear();
}

function begin(exchange: Exchange, frame: RequestFrame, payloadBytes: number): PayloadPlace {
  if (frame.type === "continuation") {
    const { incoming } = exchange;
    if (incoming?.request !== frame.request) throw malformedFrame(`request ${frame.request} is not coming in`);
    return incoming.next(frame.offset, payloadBytes);
  }
  if (frame.kind.type === "cancel") {
    if (payloadBytes > 0) throw malformedFrame("a cancel has a payload");
    cancel(exchange, frame.request);
    return "discard";
  }
  if (exchange.incoming !== undefined) throw malformedFrame(`request ${exchange.incoming.request} is not complete`);
  if (exchange.open.has(frame.request)) throw malformedFrame(`request ${frame.request} is in flight already`);
  exchange.incoming = openRequest(exchange, frame);
  const place = exchange.incoming.begin(payloadBytes);
  if (place === "wait" && payloadBytes > 0) exchange.stream.pause();
  return place;
}

function end(exchange: Exchange, frame: RequestFrame): void {
  if (frame.type === "head" && frame.kind.type === "cancel") return;
  if (exchange.incoming?.frameEnd() === true) exchange.incoming = undefined;
}

function cancel(exchange: Exchange, number: number): void {
  const { incoming, open } = exchange;
  const entry = open.get(number);
  (incoming?.request === number ? incoming : entry?.request)?.drop(false);
  if (incoming?.request === number) exchange.incoming = undefined;
  if (entry?.request !== undefined) open.delete(number);
  entry?.abort();
  endWhenAnswered(exchange);
}

function openRequest(exchange: Exchange, head: RequestHead): ServerRequest {
  const { bounds, identity, clock } = exchange;
  const inFlight = exchange.open.size + exchange.unsentAnswers;
  if (inFlight >= 2 * bounds.requestsInFlight) throw tooMany(inFlight);
  const entry: OpenRequest = { request: undefined, abort: () => undefined };
  exchange.open.set(head.request, entry);
  try {
    if (inFlight >= bounds.requestsInFlight) throw tooMany(inFlight);
    const desk = checkRequest(head, exchange.stream.method, exchange.desks, identity);
    const around = {
      clock,
      bounds,
      supply: (place: Uint8Array | "discard") => supply(exchange, place),
      answer: (outcome: ResponseOutcome, copy?: PullCopy) => answer(exchange, head.request, outcome, copy),
    };
    entry.request =
      "server" in identity
        ? createReplicaRequest(head, desk, { ...around, identity })
        : createServerRequest(head, desk, { ...around, identity });
    return entry.request;
  } catch (error) {
    answer(exchange, head.request, { type: "error", error: ShoalError.from(error).toJSON() }, undefined);
    return createRefusedRequest(head);
  }
}

function tooMany(inFlight: number): ShoalError {
  return new ShoalError("mailbox_full", `${inFlight} requests of this stream are not answered yet`, { inFlight });
}

function supply(exchange: Exchange, place: Uint8Array | "discard"): void {
  if (exchange.over) return;
  guarded(exchange, () => exchange.parser.supply(place));
  // The rest of the held chunk may have begun a payload that waits in turn.
  if (!exchange.over && !exchange.parser.waiting) exchange.stream.resume();
}
