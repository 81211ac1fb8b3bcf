/**
 * Spans of one exchange: `exchange` as the root of a trace of its own, below it `compute` and `encode` (pushes) and a
 * `send` for each attempt. The server's spans hang below `send`: a link passes on the context in which it is called.
 * All times come from the injected clock, so that the spans of a worker share one time.
 */
import {
  context,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import type { Clock } from "@shoal/actors";
import type { ShoalError } from "@shoal/errors";
import { attributes, spanNames, tracerName, type LinkIdentity, type ShardPlacement } from "@shoal/protocol";
import { timeOf } from "../time/span-time.ts";
import type { ComputedIn, Computing, ExchangeKind } from "./exchange-kind.ts";
import type { Moved } from "./traffic.ts";

export interface ExchangeSpans {
  /** Runs one attempt in the context of its `send` span and ends the span with it. */
  attempt<R>(number: number, call: () => Promise<R>): Promise<R>;
  end(outcome: Attributes): void;
  fail(error: ShoalError): void;
}

export interface ExchangeDescription {
  readonly kind: ExchangeKind;
  readonly job: string;
  readonly identity: LinkIdentity;
  readonly placement: ShardPlacement;
  /** What differs from exchange to exchange: clock, base version, batch, sequence, … */
  readonly attributes: Attributes;
  /** Pushes: when the gradient was computed, and its loss. */
  readonly computed?: ComputedIn | Computing | undefined;
  /** Vectors on their way to the shard: how they are written. */
  readonly coded?: (Moved & { readonly reason?: string | undefined }) | undefined;
}

/** Begins the trace of an exchange. Costs next to nothing when no SDK is installed. */
export function startExchangeSpans(description: ExchangeDescription, clock: Clock): ExchangeSpans {
  const tracer = trace.getTracer(tracerName);
  const { computed, coded } = description;
  const startTime = timeOf(Math.min(computed?.startedAtMs ?? Infinity, clock.now()));
  const span = tracer.startSpan(spanNames.exchange, { root: true, startTime });
  const within = trace.setSpan(ROOT_CONTEXT, span);
  if (span.isRecording()) span.setAttributes(describe(description));
  const whose = whoseExchange(description);
  if (computed !== undefined) {
    const record = (known: ComputedIn): void => recordCompute(tracer, within, known, whose);
    if ("done" in computed) computed.done.then(record, () => undefined);
    else record(computed);
  }
  if (coded !== undefined) recordEncode(tracer, within, coded, clock, whose);
  return {
    async attempt(number, call) {
      const send = tracer.startSpan(spanNames.send, { startTime: timeOf(clock.now()) }, within);
      send.setAttributes({ ...whose, [attributes.attempt]: number });
      try {
        return await context.with(trace.setSpan(within, send), call);
      } catch (error) {
        markFailed(send, error as ShoalError);
        throw error;
      } finally {
        send.end(timeOf(clock.now()));
      }
    },
    end(outcome) {
      span.setAttributes(outcome);
      span.end(timeOf(clock.now()));
    },
    fail(error) {
      markFailed(span, error);
      span.end(timeOf(clock.now()));
    },
  };
}

/** On every span: readers sort spans by run and draw a track for each worker and shard without looking at parents. */
function whoseExchange({ identity, placement }: ExchangeDescription): Attributes {
  return {
    [attributes.run]: identity.run,
    [attributes.worker]: identity.worker,
    [attributes.shard]: placement.shard,
  };
}

function describe(description: ExchangeDescription): Attributes {
  const { kind, job, identity, placement, attributes: own } = description;
  return {
    ...whoseExchange(description),
    [attributes.kind]: kind,
    [attributes.job]: job,
    [attributes.node]: identity.name,
    [attributes.incarnation]: identity.incarnation,
    [attributes.rangeBegin]: placement.begin,
    [attributes.rangeEnd]: placement.end,
    ...own,
  };
}

function recordCompute(tracer: Tracer, within: Context, computed: ComputedIn, whose: Attributes): void {
  const span = tracer.startSpan(spanNames.compute, { startTime: timeOf(computed.startedAtMs) }, within);
  span.setAttributes({ ...whose, [attributes.samples]: computed.samples, [attributes.loss]: computed.loss });
  if (computed.waitedMs !== undefined) span.setAttribute(attributes.waitMs, computed.waitedMs);
  span.end(timeOf(computed.endedAtMs));
}

/** What was gained and lost. */
function recordEncode(
  tracer: Tracer,
  within: Context,
  { encoding, bytesBefore, bytesAfter, relativeError = 0, reason }: NonNullable<ExchangeDescription["coded"]>,
  clock: Clock,
  whose: Attributes,
): void {
  const now = timeOf(clock.now());
  const span = tracer.startSpan(spanNames.encode, { startTime: now }, within);
  span.setAttributes({
    ...whose,
    [attributes.encoding]: encoding,
    [attributes.bytesBefore]: bytesBefore,
    [attributes.bytesAfter]: bytesAfter,
    [attributes.encodingError]: relativeError,
  });
  if (reason !== undefined) span.setAttribute(attributes.encodingReason, reason);
  span.end(now);
}

function markFailed(span: Span, error: ShoalError): void {
  span.setAttribute(attributes.outcome, error.code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
}
