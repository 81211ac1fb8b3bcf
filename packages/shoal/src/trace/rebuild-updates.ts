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
 *
 * A primary that is deposed may have applied updates that no other copy had; nobody was told of them, and its successor
 * applies the same pushes anew. What a later term has overwritten is left out.
 */
export function rebuildUpdates(spans: Iterable<SpanRecord>): readonly RebuiltUpdate[] {
  const applied: SpanRecord[] = [];
  /** An answer to the push of each trace. */
  const answers = new Map<string, SpanRecord>();
  for (const span of spans) {
    if (span.name === spanNames.apply) applied.push(span);
    else if (span.name === spanNames.acknowledge) answers.set(span.trace, span);
  }
  return lasting(applied)
    .map((apply) => rebuild(apply, answers))
    .toSorted((a, b) => a.shard - b.shard || a.version - b.version);
}

/** Those whose version was not applied again in a later term, and which do not stand on one that was. */
function lasting(applied: readonly SpanRecord[]): readonly SpanRecord[] {
  const byShard = Map.groupBy(applied, (apply) => number(apply, attributes.shard));
  return [...byShard.values()].flatMap((ofShard) => {
    /** The version that each term began with. */
    const first = new Map<number, number>();
    for (const apply of ofShard) {
      const term = number(apply, attributes.term);
      first.set(term, Math.min(first.get(term) ?? Infinity, number(apply, attributes.version)));
    }
    return ofShard.filter((apply) => {
      const [term, version] = [number(apply, attributes.term), number(apply, attributes.version)];
      return ![...first].some(([later, begin]) => later > term && begin <= version);
    });
  });
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
