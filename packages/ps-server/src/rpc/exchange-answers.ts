/** What one stream keeps, and how its requests are answered. */
import type { Clock, Timer } from "@shoal/actors";
import {
  encodeResponseFrame,
  type FrameParser,
  type FramePump,
  type LinkIdentity,
  type PeerIdentity,
  type ResponseOutcome,
} from "@shoal/protocol";
import { shardGraceMs, type ServiceBounds } from "./bounds.ts";
import type { RpcStream } from "./engine/rpc-engine.ts";
import type { PullCopy } from "./pull-copies.ts";
import { createResponseSource } from "./response-source.ts";
import type { ServerRequest } from "./server-request.ts";
import type { ShardDesks } from "./shard-desk.ts";

export interface ExchangeSurroundings {
  readonly desks: ShardDesks;
  readonly clock: Clock;
  readonly bounds: ServiceBounds;
}

export interface Exchange extends ExchangeSurroundings {
  readonly stream: RpcStream;
  /** A worker, or on a stream for servers another server. */
  readonly identity: LinkIdentity | PeerIdentity;
  readonly parser: FrameParser;
  readonly pump: FramePump;
  /** Requests whose answer has not left. */
  readonly open: Map<number, OpenRequest>;
  /** Frames without payload that have not left: answers in few words. */
  unsentAnswers: number;
  /** The request whose payload is coming in. */
  incoming: ServerRequest | undefined;
  peerEnded: boolean;
  over: boolean;
}

export interface OpenRequest {
  /** Undefined once the answer is on its way. */
  request: ServerRequest | undefined;
  /** Ends the answer before all of it is sent. */
  abort: () => void;
}

export function answer(
  exchange: Exchange,
  request: number,
  outcome: ResponseOutcome,
  copy: PullCopy | undefined,
): void {
  const entry = exchange.open.get(request);
  if (exchange.over || entry === undefined) {
    copy?.release();
    return;
  }
  entry.request = undefined;
  if (copy === undefined) answerBriefly(exchange, request, outcome);
  else answerWithValues(exchange, request, entry, outcome, copy);
}

function answerBriefly(exchange: Exchange, request: number, outcome: ResponseOutcome): void {
  exchange.open.delete(request);
  exchange.unsentAnswers++;
  exchange.pump.insert(encodeResponseFrame({ type: "head", request, outcome, totalBytes: 0 }, 0), () => {
    exchange.unsentAnswers--;
    endWhenAnswered(exchange);
  });
}

function answerWithValues(
  exchange: Exchange,
  request: number,
  entry: OpenRequest,
  outcome: ResponseOutcome,
  copy: PullCopy,
): void {
  const { clock, bounds } = exchange;
  let timer: Timer | undefined;
  const finished = (): void => {
    timer?.cancel();
    copy.release();
    exchange.open.delete(request);
    endWhenAnswered(exchange);
  };
  const source = createResponseSource(request, outcome, copy.bytes, finished);
  entry.abort = () => {
    source.abort();
    if (exchange.over) finished();
  };
  // A worker that does not read holds a copy which others wait for.
  timer = clock.after(bounds.sendMs, () => {
    source.abort();
    timer = clock.after(shardGraceMs, () => exchange.stream.reset());
  });
  exchange.pump.add(source);
}

/** The peer has ended its half: so do we, once all is said. */
export function endWhenAnswered(exchange: Exchange): void {
  if (exchange.over || !exchange.peerEnded || exchange.open.size > 0 || exchange.unsentAnswers > 0) return;
  exchange.over = true;
  exchange.stream.end();
}
