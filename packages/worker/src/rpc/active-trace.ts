/** The trace context of the running code as W3C headers. */
import { context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import type { TraceCarrier } from "@shoal/actors";

/** @returns undefined outside any trace; without a telemetry SDK that is one comparison */
export function activeTrace(): TraceCarrier | undefined {
  const active = context.active();
  if (active === ROOT_CONTEXT) return undefined;
  const carrier: { traceparent?: string; tracestate?: string } = {};
  propagation.inject(active, carrier);
  const { traceparent, tracestate } = carrier;
  if (traceparent === undefined) return undefined;
  return tracestate === undefined || tracestate === "" ? { traceparent } : { traceparent, tracestate };
}
