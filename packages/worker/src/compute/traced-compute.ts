/** Records each evaluation as a span of a trace of its own. (Gradients are recorded by the exchanges they lead to.) */
import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { Clock } from "@shoal/actors";
import { attributes, spanNames, tracerName, type LinkIdentity } from "@shoal/protocol";
import { timeOf } from "../time/span-time.ts";
import { ownStateOf, type ComputePort } from "./compute-port.ts";

export function traceEvaluations(compute: ComputePort, identity: LinkIdentity, clock: Clock): ComputePort {
  return {
    initialize: (into) => compute.initialize(into),
    gradient: (work, overlap) => compute.gradient(work, overlap),
    gate: compute.gate,
    ...ownStateOf(compute),
    describe: () => compute.describe?.(),
    finished: async (reason) => compute.finished?.(reason),
    close: () => compute.close(),
    async evaluate(parameters) {
      const tracer = trace.getTracer(tracerName);
      const span = tracer.startSpan(spanNames.evaluate, { root: true, startTime: timeOf(clock.now()) });
      span.setAttributes({ [attributes.run]: identity.run, [attributes.worker]: identity.worker });
      try {
        const result = await compute.evaluate(parameters);
        span.setAttributes({ [attributes.loss]: result.loss, [attributes.accuracy]: result.accuracy });
        for (const [name, value] of Object.entries(result.metrics)) span.setAttribute(attributes.metric + name, value);
        return result;
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
        throw error;
      } finally {
        span.end(timeOf(clock.now()));
      }
    },
  };
}
