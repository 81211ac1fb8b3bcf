/** What the shards of a node count and measure (names and units: `protocol/src/metrics.ts`). */
import { metrics } from "@opentelemetry/api";
import { attributes, meterName, metricDefinitions, type PushReply, type Refusal } from "@shoal/protocol";
import type { Ticket } from "./requests.ts";

export interface ShardMetrics {
  /** A push has been answered. */
  answered(reply: PushReply | Refusal): void;
  /** A contribution has become part of an update. */
  contributed(staleness: number): void;
  /** An update has been applied. */
  applied(durationMs: number): void;
  /** A request begins to wait (1), or does not wait any more (-1). */
  waiting(kind: Ticket["kind"] | "initialize", change: 1 | -1): void;
  /** An entry has been made. @param lag entries that some replica does not have, with this one */
  replicating(lag: number): void;
  /** Every replica has an entry. */
  replicated(durationMs: number): void;
}

/** Makes the instruments; with the provider that is installed now. */
export function createShardMetrics(): ShardMetrics {
  const meter = metrics.getMeter(meterName);
  const definitions = metricDefinitions;
  const pushes = meter.createCounter(definitions.pushes.name, definitions.pushes);
  const stalenesses = meter.createHistogram(definitions.staleness.name, definitions.staleness);
  const durations = meter.createHistogram(definitions.applyDuration.name, definitions.applyDuration);
  const lags = meter.createHistogram(definitions.replicationLag.name, definitions.replicationLag);
  const replications = meter.createHistogram(definitions.replicationDuration.name, definitions.replicationDuration);
  const waits = meter.createUpDownCounter(definitions.waits.name, definitions.waits);
  return {
    answered(reply) {
      pushes.add(1, { [attributes.outcome]: reply.type === "refused" ? reply.error.code : reply.type });
    },
    contributed: (staleness) => stalenesses.record(staleness),
    applied: (durationMs) => durations.record(durationMs / 1000),
    replicating: (lag) => lags.record(lag),
    replicated: (durationMs) => replications.record(durationMs / 1000),
    waiting: (kind, change) => waits.add(change, { [attributes.kind]: kind }),
  };
}
