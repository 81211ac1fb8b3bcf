/** What a worker computes (names and units: `protocol/src/metrics.ts`). */
import { metrics } from "@opentelemetry/api";
import { meterName, metricDefinitions } from "@shoal/protocol";
import type { Measured } from "./progress-figures.ts";

export interface WorkMetrics {
  add(measured: Measured): void;
}

/** Makes the instruments; with the provider that is installed now. */
export function createWorkMetrics(): WorkMetrics {
  const meter = metrics.getMeter(meterName);
  const { computeDuration, samples } = metricDefinitions;
  const durations = meter.createHistogram(computeDuration.name, computeDuration);
  const counter = meter.createCounter(samples.name, samples);
  return {
    add({ computeMs, samples: count = 0 }) {
      if (computeMs !== undefined) durations.record(computeMs / 1000);
      if (count > 0) counter.add(count);
    },
  };
}
