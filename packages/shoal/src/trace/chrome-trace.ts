/**
 * A run's spans in the Trace Event Format that Perfetto (ui.perfetto.dev) and chrome://tracing open: one process a
 * node, one track a worker, shard or kind of work, flow arrows from contributions to the update that applied them.
 *
 * Source  Trace Event Format, Google, "JSON Object Format" with complete ("X") and flow ("s", "f") events.
 */
import { attributes } from "@shoal/protocol";
import type { SpanRecord } from "../telemetry/span-record.ts";

interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M" | "s" | "f";
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: string;
  readonly bp?: "e";
  readonly args?: Readonly<Record<string, unknown>>;
}

/**
 * Yields the file piece by piece. Times are microseconds from the run's first span.
 * @param originUs start of the earliest span: see {@link earliest}
 */
export async function* chromeTrace(spans: AsyncIterable<SpanRecord>, originUs: number): AsyncGenerator<string> {
  const tracks = createTracks();
  let separator = "";
  yield '{"displayTimeUnit":"ms","traceEvents":[\n';
  for await (const span of spans) {
    for (const event of eventsOf(span, tracks, originUs)) {
      yield `${separator}${JSON.stringify(event)}`;
      separator = ",\n";
    }
  }
  yield "\n]}\n";
}

/** Start of the earliest span in microseconds, 0 for none. */
export async function earliest(spans: AsyncIterable<SpanRecord>): Promise<number> {
  let first = Infinity;
  for await (const span of spans) first = Math.min(first, span.startUs);
  return Number.isFinite(first) ? first : 0;
}

interface Tracks {
  /** Numbers of process and track, and the events that name them when they are new. */
  of(
    node: string,
    track: string,
  ): { readonly pid: number; readonly tid: number; readonly naming: readonly TraceEvent[] };
}

function createTracks(): Tracks {
  const numbers = new Map<string, number>();
  const numberOf = (key: string): { readonly number: number; readonly isNew: boolean } => {
    const known = numbers.get(key);
    if (known !== undefined) return { number: known, isNew: false };
    numbers.set(key, numbers.size + 1);
    return { number: numbers.size, isNew: true };
  };
  return {
    of(node, track) {
      const process = numberOf(node);
      const thread = numberOf(`${node}/${track}`);
      const ids = { pid: process.number, tid: thread.number };
      const naming: TraceEvent[] = [];
      if (process.isNew) naming.push({ name: "process_name", ph: "M", ...ids, args: { name: node } });
      if (thread.isNew) naming.push({ name: "thread_name", ph: "M", ...ids, args: { name: track } });
      return { ...ids, naming };
    },
  };
}

function* eventsOf(span: SpanRecord, tracks: Tracks, originUs: number): Generator<TraceEvent> {
  const { pid, tid, naming } = tracks.of(span.node, trackOf(span));
  yield* naming;
  const ts = span.startUs - originUs;
  const args = { ...span.attributes, trace: span.trace, span: span.span, parent: span.parent, error: span.error };
  yield { name: span.name, ph: "X", cat: "shoal", pid, tid, ts, dur: span.durationUs, args };
  if (span.parent === null) yield { name: "exchange", ph: "s", cat: "flow", id: span.trace, pid, tid, ts };
  for (const link of span.links) {
    yield { name: "exchange", ph: "f", bp: "e", cat: "flow", id: link.trace, pid, tid, ts };
  }
}

/** Spans of one worker and shard do not overlap in themselves, so each such pair is a track. */
function trackOf(span: SpanRecord): string {
  const shard = span.attributes[attributes.shard];
  const worker = span.attributes[attributes.worker];
  const of = typeof worker === "number" ? `worker ${worker} ` : "";
  return typeof shard === "number" ? `${of}shard ${shard} ${span.name}` : `${of}${span.name}`;
}
