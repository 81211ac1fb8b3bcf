/** W3C trace context across the bus. Without a telemetry SDK each function is one comparison. */
import { context, propagation, ROOT_CONTEXT, type Context } from "@opentelemetry/api";
import type { TraceCarrier } from "./envelope/envelope.ts";

/** The context of the running code, or undefined when it is the empty one. */
export function activeContext(): Context | undefined {
  const active = context.active();
  return active === ROOT_CONTEXT ? undefined : active;
}

/** Writes a context as W3C headers; undefined when it holds no trace. */
export function injectTrace(source: Context | undefined): TraceCarrier | undefined {
  if (source === undefined) return undefined;
  const carrier: { traceparent?: string; tracestate?: string } = {};
  propagation.inject(source, carrier);
  const { traceparent, tracestate } = carrier;
  if (traceparent === undefined) return undefined;
  return tracestate === undefined || tracestate === "" ? { traceparent } : { traceparent, tracestate };
}

/** Reads W3C headers; malformed ones give the empty context, as the standard asks for. */
export function extractTrace(carrier: TraceCarrier | undefined): Context | undefined {
  if (carrier === undefined) return undefined;
  const extracted = propagation.extract(ROOT_CONTEXT, carrier);
  return extracted === ROOT_CONTEXT ? undefined : extracted;
}

/** Calls `run` in `target`, the empty context when it is undefined. */
export function runInContext<T>(target: Context | undefined, run: () => T): T {
  const wanted = target ?? ROOT_CONTEXT;
  return context.active() === wanted ? run() : context.with(wanted, run);
}
