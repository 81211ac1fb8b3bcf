/**
 * The calling end of one exchange stream: numbers requests, sends their frames, matches responses, keeps deadlines.
 *
 * Bounds    64 calls under way; one more is refused with `mailbox_full`.
 * Invariants
 *   E1  Every call settles once: with its outcome, or with an error at the latest `graceMs` after its deadline (the
 *       server's own answer at the deadline knows more, and comes first where the connection stands).
 *   E2  After a call has settled nothing is written to its buffers, and nothing that is read from them counts.
 */
import type { Clock, Timer } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  createFrameParser,
  createFramePump,
  decodeResponseFrame,
  maximumRequestsInFlight,
  type FrameParser,
  type FramePump,
  type RequestKind,
  type ResponseFrame,
  type ResponseOutcome,
} from "@shoal/protocol";
import type { ClientStream, ClientStreamHandler } from "./engine/rpc-client-engine.ts";
import { whenAborted } from "../time/when-aborted.ts";
import { activeTrace } from "./active-trace.ts";
import { createIncomingValues, type IncomingValues } from "./incoming-values.ts";
import { copyInto, createRequestSource, encodeCancel, type RequestSource } from "./request-source.ts";

/** What one call asks. */
export interface ExchangeCall {
  readonly kind: RequestKind;
  /** Phrase that names the call, for errors: "push of clock 3 to shard 1". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Aborted: the call fails with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** Sent as it lies; borrowed until the call settles. */
  readonly payload: Uint8Array;
  /** Where the values of the answer go; overwritten. */
  readonly into: Uint8Array | undefined;
  /** Where an encoded difference goes; overwritten. */
  readonly difference?: Uint8Array | undefined;
}

export interface ExchangeClient {
  /** True once the stream is over: no call can be made any more. */
  readonly over: boolean;
  call(call: ExchangeCall): Promise<ResponseOutcome>;
  /** Fails every call under way with the error and breaks the stream. */
  close(error: ShoalError): void;
}

export interface ExchangeClientOptions {
  readonly clock: Clock;
  readonly graceMs: number;
  /** Opens the stream. */
  readonly open: (handler: ClientStreamHandler) => ClientStream;
}

interface Client {
  readonly clock: Clock;
  readonly graceMs: number;
  readonly stream: ClientStream;
  readonly pump: FramePump;
  readonly parser: FrameParser;
  readonly calls: Map<number, CallUnderWay>;
  /** The call whose answer's payload is coming in, frame by frame. */
  receiving: CallUnderWay | undefined;
  lastNumber: number;
  failure: ShoalError | undefined;
}

interface CallUnderWay {
  readonly number: number;
  readonly values: IncomingValues;
  readonly source: RequestSource;
  readonly timer: Timer;
  /** Listens to the call's signal no more. */
  readonly unwatch: () => void;
  readonly resolve: (outcome: ResponseOutcome) => void;
  readonly reject: (error: ShoalError) => void;
}

export function createExchangeClient(options: ExchangeClientOptions): ExchangeClient {
  const stream = options.open({
    chunk: (bytes) => take(client, bytes),
    closed: (error) => fail(client, error),
  });
  const client: Client = {
    clock: options.clock,
    graceMs: options.graceMs,
    stream,
    pump: createFramePump({ write: (frame, flushed) => stream.write(frame, flushed) }),
    parser: createFrameParser<ResponseFrame>({
      decode: decodeResponseFrame,
      copy: copyInto,
      sink: {
        begin: (frame, payloadBytes) => begin(client, frame, payloadBytes),
        end: () => end(client),
      },
    }),
    calls: new Map(),
    receiving: undefined,
    lastNumber: 0,
    failure: undefined,
  };
  return {
    get over() {
      return client.failure !== undefined;
    },
    call: (call) => start(client, call),
    close(error) {
      fail(client, error);
      stream.reset();
    },
  };
}

function start(client: Client, call: ExchangeCall): Promise<ResponseOutcome> {
  if (client.failure !== undefined) return Promise.reject(client.failure);
  if (call.signal?.aborted === true) return Promise.reject(ShoalError.from(call.signal.reason));
  if (client.calls.size >= maximumRequestsInFlight) {
    const sentence = `${call.what}: ${client.calls.size} requests of this link are under way already`;
    return Promise.reject(new ShoalError("mailbox_full", sentence, { inFlight: client.calls.size }));
  }
  const { promise, resolve, reject } = Promise.withResolvers<ResponseOutcome>();
  const number = ++client.lastNumber;
  const under: CallUnderWay = {
    number,
    values: createIncomingValues(call.into, call.difference, call.what),
    source: createSource(client, number, call),
    timer: client.clock.after(call.deadlineMs + client.graceMs, () => expire(client, under, call)),
    unwatch: whenAborted(call.signal, (reason) => giveUp(client, under, reason)),
    resolve,
    reject,
  };
  client.calls.set(number, under);
  client.pump.add(under.source);
  return promise;
}

function createSource({ clock }: Client, request: number, call: ExchangeCall): RequestSource {
  const deadlineAt = clock.now() + call.deadlineMs;
  const trace = activeTrace();
  return createRequestSource(
    () => ({
      type: "head",
      request,
      kind: call.kind,
      totalBytes: call.payload.length,
      // What is left when the first frame leaves; 0 would mean "none given".
      deadlineMs: Math.max(1, Math.round(deadlineAt - clock.now())),
      ...(trace === undefined ? {} : { trace }),
    }),
    call.payload,
  );
}

/** Takes a call off the list; its buffers are the caller's again (E2). */
function settle(client: Client, under: CallUnderWay): boolean {
  if (!client.calls.delete(under.number)) return false;
  under.timer.cancel();
  under.unwatch();
  if (client.receiving === under) client.parser.discardRest();
  return true;
}

function expire(client: Client, under: CallUnderWay, call: ExchangeCall): void {
  const state = under.source.complete ? "the server has not answered" : "the server does not read";
  const sentence = `${call.what}: ${state} within ${call.deadlineMs} ms`;
  const details = { deadlineMs: call.deadlineMs, waitingFor: call.what };
  giveUp(client, under, new ShoalError("deadline_exceeded", sentence, details));
}

/** Ends a call before its answer has come, and tells the server. */
function giveUp(client: Client, under: CallUnderWay, error: ShoalError): void {
  if (!settle(client, under)) return;
  const sent = under.source.complete;
  under.source.abort();
  if (sent) client.pump.insert(encodeCancel(under.number));
  else client.pump.remove(under.source);
  under.reject(error);
}

function fail(client: Client, error: ShoalError): void {
  if (client.failure !== undefined) return;
  client.failure = error;
  client.pump.stop();
  for (const under of client.calls.values()) {
    settle(client, under);
    under.source.abort();
    under.reject(error);
  }
}

function take(client: Client, bytes: Uint8Array): void {
  if (client.failure !== undefined) return;
  try {
    client.parser.push(bytes);
  } catch (error) {
    fail(client, ShoalError.from(error));
    client.stream.reset();
  }
}

function begin(client: Client, frame: ResponseFrame, payloadBytes: number): Uint8Array | "discard" {
  const under = client.calls.get(frame.request);
  client.receiving = under;
  // The answer to a call that has been given up.
  if (under === undefined) return "discard";
  try {
    return frame.type === "head"
      ? under.values.begin(frame.outcome, frame.totalBytes, payloadBytes)
      : under.values.next(frame.offset, payloadBytes);
  } catch (error) {
    const failure = ShoalError.from(error);
    if (failure.code === "codec_failed") throw failure;
    // This answer is of no use, but the stream is: what is left of it is dropped.
    settle(client, under);
    under.reject(failure);
    return "discard";
  }
}

function end(client: Client): void {
  const under = client.receiving;
  client.receiving = undefined;
  const outcome = under?.values.outcome();
  if (under === undefined || outcome === undefined || !settle(client, under)) return;
  under.source.abort();
  if (outcome.type === "error") under.reject(ShoalError.deserialize(outcome.error));
  else under.resolve(outcome);
}
