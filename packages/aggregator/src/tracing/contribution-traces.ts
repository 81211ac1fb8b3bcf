/**
 * One trace for each client that is asked to a round:
 *
 *   contribution ── select ── download, train (the client's own) ── upload ── admit ── aggregate ── publish
 *   with masks:      … ── agree, download, train, mask (the client's own) ── upload ── admit ── unmask ── aggregate ── …
 *
 * The client's spans come with its contribution, so that no collector has to be reachable from a page: their times count from
 * the moment at which it heard the offer, on its own clock, and are put behind the moment at which the offer left.
 *
 * Bounds  a trace for each member of the present round and of those that train on: what is older is ended and forgotten.
 */
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Attributes,
  type HrTime,
  type Span,
} from "@opentelemetry/api";
import type { ClientTrace } from "@shoal/federated";
import { attributes, spanNames, tracerName } from "@shoal/protocol";

export interface ContributionTraces {
  /** Asked to take part; the second time of a round changes nothing. */
  offered(client: string, round: number, nowMs: number): void;
  /** W3C traceparent of a client's trace; null where nothing is traced. */
  traceparent(client: string, round: number): string | null;
  /** It has said whether it takes part. */
  answered(client: string, round: number, nowMs: number): void;
  /** What it says of itself, with the offer of its contribution. */
  told(client: string, round: number, told: ClientTrace, nowMs: number): void;
  /**
   * All of its contribution is here. It was on its way since the client's own spans ended: a client cannot tell of a
   * sending that is not over, and its last word may be lost.
   */
  uploaded(client: string, round: number, nowMs: number, own?: Attributes): void;
  /** A piece of work of the aggregator's on its contribution. */
  worked(client: string, round: number, work: AggregatorWorkSpan): void;
  /** Nothing more comes of what it was asked for in this round, or in one before that it was still training for. */
  ended(client: string, round: number, outcome: string, nowMs: number): void;
  /** Ends and forgets what is of an older round. */
  forgetBefore(round: number, nowMs: number): void;
}

export interface AggregatorWorkSpan {
  readonly name: "admit" | "unmask" | "aggregate" | "publish";
  readonly beginMs: number;
  readonly endMs: number;
  readonly attributes?: Attributes;
}

interface OpenTrace {
  readonly client: string;
  readonly round: number;
  readonly root: Span;
  readonly offeredAtMs: number;
  select: Span | undefined;
  /** When the client's own spans ended; undefined: it has told none. */
  toldUntilMs: number | undefined;
  isUploaded: boolean;
}

/** @param run - named on every span */
export function createContributionTraces(run: string): ContributionTraces {
  const open = new Map<string, OpenTrace>();
  const keyOf = (client: string, round: number): string => `${round} ${client}`;
  const find = (client: string, round: number): OpenTrace | undefined => open.get(keyOf(client, round));
  const end = (each: OpenTrace, outcome: string, nowMs: number): void => {
    each.select?.end(timeOf(nowMs));
    each.root.setAttribute(attributes.outcome, outcome);
    each.root.end(timeOf(nowMs));
    open.delete(keyOf(each.client, each.round));
  };
  return {
    offered(client, round, nowMs) {
      if (find(client, round) !== undefined) return;
      const shared = { [attributes.run]: run, [attributes.client]: client, [attributes.round]: round };
      const options = { attributes: shared, startTime: timeOf(nowMs) };
      const root = trace.getTracer(tracerName).startSpan(spanNames.contribution, { ...options, root: true });
      // Without an SDK nothing is traced, and nothing kept.
      if (!isSpanContextValid(root.spanContext())) return;
      const select = childOf(root, spanNames.select, shared, nowMs);
      const untold = { toldUntilMs: undefined, isUploaded: false };
      open.set(keyOf(client, round), { client, round, root, offeredAtMs: nowMs, select, ...untold });
    },
    traceparent(client, round) {
      const context = find(client, round)?.root.spanContext();
      if (context === undefined) return null;
      return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, "0")}`;
    },
    answered(client, round, nowMs) {
      const found = find(client, round);
      found?.select?.end(timeOf(nowMs));
      if (found !== undefined) found.select = undefined;
    },
    told(client, round, told, nowMs) {
      const found = find(client, round);
      // A contribution that is offered again brings the same spans.
      if (found === undefined || found.toldUntilMs !== undefined) return;
      const ends = told.spans.map((span) => tellOne(run, found, span, nowMs));
      found.toldUntilMs = Math.max(found.offeredAtMs, ...ends);
    },
    uploaded(client, round, nowMs, own = {}) {
      const found = find(client, round);
      if (found?.toldUntilMs === undefined || found.isUploaded) return;
      found.isUploaded = true;
      childOf(found.root, spanNames.upload, { ...sharedOf(run, found), ...own }, found.toldUntilMs).end(timeOf(nowMs));
    },
    worked(client, round, { name, beginMs, endMs, attributes: own = {} }) {
      const found = find(client, round);
      if (found === undefined) return;
      childOf(found.root, spanNames[name], { ...sharedOf(run, found), ...own }, beginMs).end(timeOf(endMs));
    },
    ended(client, round, outcome, nowMs) {
      const of = [...open.values()].filter((each) => each.client === client && each.round <= round);
      for (const each of of) end(each, outcome, nowMs);
    },
    forgetBefore(round, nowMs) {
      for (const each of open.values()) if (each.round < round) end(each, "forgotten", nowMs);
    },
  };
}

/** A stranger's word: its times are kept within those in which they can have been. @returns when the span ended */
function tellOne(
  run: string,
  found: OpenTrace,
  { name, beginMs, endMs, attributes: given }: ClientTrace["spans"][number],
  nowMs: number,
): number {
  const within = (ms: number): number => Math.min(nowMs, found.offeredAtMs + Math.max(0, ms));
  const own = Object.fromEntries(Object.entries(given).map(([key, value]) => [`${attributes.ofClient}${key}`, value]));
  const span = childOf(found.root, name, { ...sharedOf(run, found), ...own }, within(beginMs));
  if (typeof given["error"] === "string") span.setStatus({ code: SpanStatusCode.ERROR, message: given["error"] });
  const untilMs = within(Math.max(beginMs, endMs));
  span.end(timeOf(untilMs));
  return untilMs;
}

function sharedOf(run: string, { client, round }: OpenTrace): Attributes {
  return { [attributes.run]: run, [attributes.client]: client, [attributes.round]: round };
}

function childOf(parent: Span, name: string, own: Attributes, beginMs: number): Span {
  const context = trace.setSpan(ROOT_CONTEXT, parent);
  return trace.getTracer(tracerName).startSpan(name, { attributes: own, startTime: timeOf(beginMs) }, context);
}

/** Seconds and nanoseconds: a plain number would be taken for one or another kind of time by its size. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
