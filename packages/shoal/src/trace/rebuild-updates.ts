/** Rebuilds what every shard did from a trace alone: the sequence of its versions with their staleness. */
import { attributes, spanNames } from "@shoal/protocol";
import type { SpanRecord } from "../telemetry/span-record.ts";

export interface RebuiltUpdate {
  readonly shard: number;
  readonly version: number;
  /** Staleness of each contribution, ascending by worker, then clock. */
  readonly contributions: readonly { readonly worker: number; readonly clock: number; readonly staleness: number }[];
}

/**
 * One update for each (shard, version) that some push was acknowledged with, ascending by shard, then version.
 * Retries (outcome `push_duplicate`) repeat a contribution and are left out.
 */
export function rebuildUpdates(spans: Iterable<SpanRecord>): readonly RebuiltUpdate[] {
  const acknowledged = [...spans].filter(
    (span) => span.name === spanNames.acknowledge && span.attributes[attributes.outcome] === "push_applied",
  );
  const number = (span: SpanRecord, key: string): number => Number(span.attributes[key]);
  const groups = Map.groupBy(
    acknowledged,
    (span) => `${number(span, attributes.shard)}/${number(span, attributes.version)}`,
  );
  return [...groups.values()]
    .map((group) => ({
      shard: number(group[0]!, attributes.shard),
      version: number(group[0]!, attributes.version),
      contributions: group
        .map((span) => ({
          worker: number(span, attributes.worker),
          clock: number(span, attributes.clock),
          staleness: number(span, attributes.staleness),
        }))
        .toSorted((a, b) => a.worker - b.worker || a.clock - b.clock),
    }))
    .toSorted((a, b) => a.shard - b.shard || a.version - b.version);
}
