/** Installs a metrics SDK in this process and reads what the instruments hold. */
import { metrics, type Attributes } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type Histogram,
  type MetricData,
} from "@opentelemetry/sdk-metrics";
import type { MetricDefinition } from "@shoal/protocol";

export interface RecordedMetrics {
  /** Counters and gauges, by the values of their attributes: "push push_applied". */
  values(definition: MetricDefinition): Promise<Readonly<Record<string, number>>>;
  /** Histograms, likewise. */
  histograms(definition: MetricDefinition): Promise<Readonly<Record<string, Histogram>>>;
  /** Unit and description, as a collector gets them. */
  descriptor(definition: MetricDefinition): Promise<MetricData["descriptor"] | undefined>;
  /** Takes the SDK out of this process. */
  close(): Promise<void>;
}

/** Instruments made from now on record. */
export function recordMetrics(): RecordedMetrics {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  const read = async ({ name }: MetricDefinition): Promise<MetricData | undefined> => {
    exporter.reset();
    await provider.forceFlush();
    const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    return scopes.flatMap((scope) => scope.metrics).find(({ descriptor }) => descriptor.name === name);
  };
  const points = async <V>(definition: MetricDefinition): Promise<Readonly<Record<string, V>>> => {
    const found = await read(definition);
    return Object.fromEntries(
      (found?.dataPoints ?? []).map(({ attributes, value }) => [keyOf(attributes), value as V]),
    );
  };
  return {
    values: (definition) => points<number>(definition),
    histograms: (definition) => points<Histogram>(definition),
    descriptor: async (definition) => (await read(definition))?.descriptor,
    async close() {
      await provider.shutdown();
      metrics.disable();
    },
  };
}

/** Values of the attributes in the order of their names: "push push_applied"; empty without attributes. */
function keyOf(attributes: Attributes): string {
  const names = Object.keys(attributes).toSorted();
  return names.map((name) => String(attributes[name])).join(" ");
}
