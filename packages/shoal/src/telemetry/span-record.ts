/**
 * A finished span as one line of a trace file: everything that `shoal trace` and the tests rebuild a run from.
 * Times are microseconds since the Unix epoch.
 */
import type { Attributes } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

export interface SpanRecord {
  readonly trace: string;
  readonly span: string;
  readonly parent: string | null;
  readonly name: string;
  readonly node: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly attributes: Attributes;
  readonly links: readonly { readonly trace: string; readonly span: string }[];
  readonly error: string | null;
}

/** OpenTelemetry's `SpanStatusCode.ERROR`. */
const errorStatus = 2;

/** @param node name of the process that made the span */
export function recordOf(span: ReadableSpan, node: string): SpanRecord {
  const context = span.spanContext();
  const start = microseconds(span.startTime);
  return {
    trace: context.traceId,
    span: context.spanId,
    parent: span.parentSpanContext?.spanId ?? null,
    name: span.name,
    node,
    startUs: start,
    durationUs: Math.max(0, microseconds(span.endTime) - start),
    attributes: span.attributes,
    links: span.links.map((link) => ({ trace: link.context.traceId, span: link.context.spanId })),
    error: span.status.code === errorStatus ? (span.status.message ?? "error") : null,
  };
}

/** High-resolution time (seconds, nanoseconds) to microseconds; exact below 2^53. */
function microseconds(time: readonly [number, number]): number {
  return time[0] * 1_000_000 + Math.round(time[1] / 1000);
}
