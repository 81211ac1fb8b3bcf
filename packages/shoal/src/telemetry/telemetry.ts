/**
 * Installs the OpenTelemetry SDK in this process: trace files for `shoal trace`, and OTLP export where the standard
 * environment variables ask for it (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`,
 * `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`,
 * `OTEL_TRACES_EXPORTER=none`, `OTEL_METRICS_EXPORTER=none`, `OTEL_SDK_DISABLED`).
 */
import { setTimeout as delay } from "node:timers/promises";
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace";
import { createTraceFileProcessor } from "./trace-file-processor.ts";

/** Spans that may wait for the OTLP collector; beyond it the SDK drops the newest. */
const exportQueue = 65_536;
/** How long the last export may take when the process ends. */
const exportLimitMs = 1_500;

export interface TelemetryOptions {
  /** Name of this node: `service.instance.id` and the name of its trace files. */
  readonly node: string;
  readonly runsFolder: string;
  /** False: no trace files. */
  readonly traceFiles: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onFailure: (error: unknown) => void;
  /** More processors, such as an in-memory one for tests. */
  readonly processors?: readonly SpanProcessor[];
}

export interface Telemetry {
  /** Writes what is buffered. */
  flush(): Promise<void>;
  /** Writes, then removes the SDK from this process. */
  close(): Promise<void>;
}

export function setUpTelemetry(options: TelemetryOptions): Telemetry {
  const environment = options.environment;
  const asked = (signal: "TRACES" | "METRICS"): boolean =>
    environment["OTEL_SDK_DISABLED"] !== "true" &&
    environment[`OTEL_${signal}_EXPORTER`] !== "none" &&
    (environment["OTEL_EXPORTER_OTLP_ENDPOINT"] !== undefined ||
      environment[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] !== undefined);
  const resource = resourceFromAttributes({
    "service.name": environment["OTEL_SERVICE_NAME"] ?? "shoal",
    "service.instance.id": options.node,
  });
  const processors: SpanProcessor[] = [...(options.processors ?? [])];
  if (options.traceFiles) processors.push(createTraceFileProcessor(options));
  if (asked("TRACES")) {
    processors.push(new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), maxQueueSize: exportQueue }));
  }
  // Without a processor no SDK is installed: the API's own no-op tracer costs nothing.
  const tracing =
    processors.length > 0 ? installTracing(new TracerProvider({ resource, spanProcessors: processors })) : [];
  const metering = asked("METRICS") ? installMetrics(resource) : [];
  const providers = [...tracing, ...metering];
  return {
    flush: () => withinLimit(providers.map((provider) => provider.forceFlush())),
    close: async () => {
      await withinLimit(providers.map((provider) => provider.shutdown()));
      trace.disable();
      context.disable();
      propagation.disable();
      metrics.disable();
    },
  };
}

/** A collector that is away must not hold a finished command back. */
async function withinLimit(work: readonly Promise<void>[]): Promise<void> {
  await Promise.race([Promise.allSettled(work), delay(exportLimitMs, undefined, { ref: false })]);
}

interface Provider {
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

function installTracing(provider: TracerProvider): readonly Provider[] {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return [provider];
}

function installMetrics(resource: ReturnType<typeof resourceFromAttributes>): readonly Provider[] {
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: 5000 });
  const provider = new MeterProvider({ resource, readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  return [provider];
}
