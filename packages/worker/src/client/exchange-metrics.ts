/** How long exchanges take and what becomes of them (names and units: `protocol/src/metrics.ts`). */
import { metrics, type Attributes } from "@opentelemetry/api";
import { attributes, meterName, metricDefinitions } from "@shoal/protocol";
import type { ExchangeKind } from "./exchange-kind.ts";
import type { Moved } from "./traffic.ts";

export interface ExchangeMetrics {
  /** @param outcome attributes of an exchange that succeeded, or the code of its error */
  ended(kind: ExchangeKind, outcome: Attributes | string, durationMs: number): void;
  /** Another attempt follows one that failed with this code. */
  retried(kind: ExchangeKind, code: string): void;
  /** A payload has arrived. */
  moved(moved: Moved): void;
}

/** Makes the instruments; with the provider that is installed now. */
export function createExchangeMetrics(): ExchangeMetrics {
  const meter = metrics.getMeter(meterName);
  const { exchangeDuration, retries, bytes: bytesDefinition } = metricDefinitions;
  const bytes = meter.createCounter(bytesDefinition.name, bytesDefinition);
  const durations = meter.createHistogram(exchangeDuration.name, exchangeDuration);
  const attempts = meter.createCounter(retries.name, retries);
  return {
    ended(kind, outcome, durationMs) {
      const told = typeof outcome === "string" ? outcome : outcome[attributes.outcome];
      durations.record(durationMs / 1000, { [attributes.kind]: kind, [attributes.outcome]: told });
    },
    retried(kind, code) {
      attempts.add(1, { [attributes.kind]: kind, [attributes.outcome]: code });
    },
    moved({ direction, encoding, bytesAfter }) {
      bytes.add(bytesAfter, { [attributes.kind]: direction, [attributes.encoding]: encoding });
    },
  };
}
