/**
 * Puts the spans of a run together to exchanges and says which are complete.
 *
 * An exchange is one trace whose root is an `exchange` span. It is complete when every span's parent is in the trace,
 * the worker's and the shard's halves are both there, and a push has its `apply` span: in its own trace or in the trace
 * of the contribution that completed the step, linked.
 */
import { attributes, spanNames } from "@shoal/protocol";
import type { SpanRecord } from "../telemetry/span-record.ts";

export interface Exchange {
  readonly root: SpanRecord;
  readonly spans: readonly SpanRecord[];
}

export interface ExchangeReport {
  readonly exchanges: readonly Exchange[];
  /** Traces that hold no `exchange` root: spans whose other half is missing. */
  readonly orphans: readonly SpanRecord[];
  /** What each incomplete exchange lacks, in words. */
  readonly incomplete: readonly string[];
}

/** Groups spans by trace. Spans outside exchanges (evaluations) have a root of their own and are no orphans. */
export function collectExchanges(spans: Iterable<SpanRecord>): ExchangeReport {
  const traces = Map.groupBy(spans, (span) => span.trace);
  const applied = appliedTraces(traces.values());
  const exchanges: Exchange[] = [];
  const orphans: SpanRecord[] = [];
  const incomplete: string[] = [];
  for (const [id, ofTrace] of traces) {
    const roots = ofTrace.filter((span) => span.parent === null);
    const root = roots[0];
    if (root === undefined || roots.length > 1) orphans.push(...ofTrace);
    else if (root.name === spanNames.exchange) {
      const exchange = { root, spans: ofTrace };
      exchanges.push(exchange);
      const lacks = whatLacks(exchange, applied.has(id));
      if (lacks !== null) incomplete.push(`${id}: ${lacks}`);
    }
  }
  return { exchanges, orphans, incomplete };
}

/** Traces whose contribution is in some `apply` span: by parenthood or by link. */
function appliedTraces(traces: Iterable<readonly SpanRecord[]>): Set<string> {
  const applied = new Set<string>();
  for (const spans of traces) {
    for (const span of spans) {
      if (span.name !== spanNames.apply) continue;
      applied.add(span.trace);
      for (const link of span.links) applied.add(link.trace);
    }
  }
  return applied;
}

function whatLacks({ root, spans }: Exchange, isApplied: boolean): string | null {
  const ids = new Set(spans.map((span) => span.span));
  const lost = spans.find((span) => span.parent !== null && !ids.has(span.parent));
  if (lost !== undefined) return `the parent of span ${lost.name} is missing`;
  const kind = root.attributes[attributes.kind];
  const names = new Set(spans.map((span) => span.name));
  for (const name of requiredSpans(String(kind))) if (!names.has(name)) return `a ${String(kind)} without ${name}`;
  const isPush = kind === "push" || kind === "push_pull";
  if (isPush && root.attributes[attributes.outcome] === "push_applied" && !isApplied) return "a push without apply";
  return null;
}

function requiredSpans(kind: string): readonly string[] {
  const { compute, encode, send, queue, acknowledge, read } = spanNames;
  if (kind === "push") return [compute, encode, send, queue, acknowledge];
  if (kind === "push_pull") return [compute, encode, send, queue, acknowledge, read];
  if (kind === "pull") return [send, read];
  return [send];
}
