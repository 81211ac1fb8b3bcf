/** Keeps the spans that each test of a file ends, in virtual time or not. */
import { trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach } from "vitest";

/** To be called at the top of a test file. @returns what has the spans of the present test */
export function recordSpans(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  beforeEach(() => {
    exporter.reset();
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  });
  afterEach(() => trace.disable());
  return exporter;
}

/** Of a span's beginning or end: milliseconds since the epoch of its clock. */
export const msOf = ([seconds, nanoseconds]: readonly [number, number]): number => seconds * 1000 + nanoseconds / 1e6;
