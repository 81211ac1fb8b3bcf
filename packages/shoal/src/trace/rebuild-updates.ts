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
 * One update for each `apply` span, ascending by shard, then version.
 *
 * Its contributions are the pushes that it links to. What a push said of itself stands in the shard's answers to it,
 * whatever they were: a contribution counts also when its own answer came too late and its retry was a duplicate.
 */
export function rebuildUpdates(spans: Iterable<SpanRecord>): readonly RebuiltUpdate[] {
  const applied: SpanRecord[] = [];
  /** An answer to the push of each trace. */
  const answers = new Map<string, SpanRecord>();
  for (const span of spans) {
    if (span.name === spanNames.apply) applied.push(span);
    else if (span.name === spanNames.acknowledge) answers.set(span.trace, span);
  }
  return applied.map((apply) => rebuild(apply, answers)).toSorted((a, b) => a.shard - b.shard || a.version - b.version);
}

function rebuild(apply: SpanRecord, answers: ReadonlyMap<string, SpanRecord>): RebuiltUpdate {
  const version = number(apply, attributes.version);
  const pushes = apply.links.map((link) => answers.get(link.trace)).filter((push) => push !== undefined);
  return {
    shard: number(apply, attributes.shard),
    version,
    contributions: pushes
      .map((push) => ({
        worker: number(push, attributes.worker),
        clock: number(push, attributes.clock),
        staleness: version - 1 - number(push, attributes.baseVersion),
      }))
      .toSorted((a, b) => a.worker - b.worker || a.clock - b.clock),
  };
}

function number(span: SpanRecord, key: string): number {
  return Number(span.attributes[key]);
}
