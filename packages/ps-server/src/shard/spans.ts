/**
 * The server's spans of an exchange (names and attributes: `protocol/src/tracing.ts`).
 *
 * A request's spans are children of the context it arrived in; all times come from the injected clock. Without a
 * telemetry SDK every span is the same inert object, `isRecording` is false, and nothing is gathered for attributes.
 */
import { context, trace, type Attributes, type Context, type HrTime, type Span, type Tracer } from "@opentelemetry/api";
import { attributes, spanNames, tracerName, type PullReply, type PushReply, type Refusal } from "@shoal/protocol";
import type { BoundDecision } from "./adaptive-bound.ts";
import type { PullTicket, PushTicket, RequestTrace } from "./requests.ts";
import type { ShardState } from "./shard-state.ts";

/** Asked for each time: a tracer that is kept stays with the first SDK of the process, also when that is gone. */
const tracer = (): Tracer => trace.getTracer(tracerName);

/** Opens the span of a request that has arrived just `now`: `queue` for pushes, `read` for pulls. */
export function openTrace(name: "queue" | "read", now: number): RequestTrace {
  const arrived: Context = context.active();
  return { context: arrived, span: tracer().startSpan(spanNames[name], { startTime: timeOf(now) }, arrived) };
}

/** Seconds and nanoseconds: a plain number would be taken for one or another kind of time by its size. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

function identity(state: ShardState, ticket: PushTicket | PullTicket): Attributes {
  return {
    [attributes.run]: state.options.run,
    [attributes.shard]: state.options.shard,
    [attributes.worker]: ticket.sender.worker,
    [attributes.incarnation]: ticket.sender.incarnation,
  };
}

function contributionAttributes(ticket: PushTicket, version: number): Attributes {
  const { header, sender } = ticket;
  return {
    [attributes.worker]: sender.worker,
    [attributes.incarnation]: sender.incarnation,
    [attributes.sequence]: header.sequence,
    [attributes.clock]: header.clock,
    ...(header.batch !== null && { [attributes.batch]: header.batch }),
    [attributes.samples]: header.samples,
    [attributes.baseVersion]: header.baseVersion,
    [attributes.staleness]: version - header.baseVersion,
  };
}

/** Ends the time a push waited for its turn. @param waitedFor names of those it had to wait for */
export function endQueue(state: ShardState, ticket: PushTicket, now: number, waitedFor: readonly string[]): void {
  const { span } = ticket.trace;
  if (span.isRecording()) {
    span.setAttributes({
      ...identity(state, ticket),
      [attributes.waitMs]: now - ticket.sinceMs,
      [attributes.waitedFor]: [...waitedFor],
    });
  }
  span.end(timeOf(now));
}

/** One applied update, as its span tells it. */
export interface AppliedUpdate {
  /** The contributions in the order they were folded. */
  readonly tickets: readonly PushTicket[];
  /** Version before the update. */
  readonly before: number;
  readonly learningRate: number;
  /** Norm of the gradient that the optimiser saw; asked for only when somebody records it. */
  readonly gradientNorm: () => number;
}

/**
 * Opens the `apply` span in the trace of the push that set the update off (the running handler's). It links to every
 * contribution; the links carry what the shard's own record says of each, in the order of folding.
 */
export function openApply(state: ShardState, update: AppliedUpdate): Span {
  const startTime = timeOf(state.options.clock.now());
  const span = tracer().startSpan(spanNames.apply, { startTime }, context.active());
  if (span.isRecording()) describeUpdate(state, span, update);
  return span;
}

export function closeApply(state: ShardState, span: Span): void {
  span.end(timeOf(state.options.clock.now()));
}

/**
 * Opens the span of a reply that waits for replicas.
 * @param waitedFor names of those that do not have the entry
 * @returns ends it
 */
export function openReplicate(
  state: ShardState,
  parent: Context,
  index: number,
  waitedFor: () => readonly string[],
): () => void {
  const { clock, run, shard } = state.options;
  const span = tracer().startSpan(spanNames.replicate, { startTime: timeOf(clock.now()) }, parent);
  if (span.isRecording()) {
    span.setAttributes({
      [attributes.run]: run,
      [attributes.shard]: shard,
      [attributes.version]: state.progress.version,
      [attributes.logIndex]: index,
      [attributes.waitedFor]: [...waitedFor()],
    });
  }
  return () => span.end(timeOf(clock.now()));
}

function describeUpdate(state: ShardState, span: Span, update: AppliedUpdate): void {
  const { tickets, before } = update;
  const staleness = tickets.reduce((most, { header }) => Math.max(most, before - header.baseVersion), 0);
  span.setAttributes({
    [attributes.run]: state.options.run,
    [attributes.shard]: state.options.shard,
    [attributes.rangeBegin]: state.options.range.begin,
    [attributes.rangeEnd]: state.options.range.end,
    [attributes.version]: before + 1,
    [attributes.term]: state.replication?.term ?? 0,
    [attributes.staleness]: staleness,
    [attributes.learningRate]: update.learningRate,
    [attributes.gradientNorm]: update.gradientNorm(),
  });
  for (const ticket of tickets) {
    span.addLink({ context: ticket.trace.span.spanContext(), attributes: contributionAttributes(ticket, before) });
  }
}

/** Records that the shard has moved its staleness bound, in the trace of the push after which it did. */
export function traceBound(state: ShardState, { bound, reason }: BoundDecision): void {
  const now = timeOf(state.options.clock.now());
  const span = tracer().startSpan(spanNames.bound, { startTime: now }, context.active());
  span.setAttributes({
    [attributes.run]: state.options.run,
    [attributes.shard]: state.options.shard,
    [attributes.version]: state.progress.version,
    [attributes.bound]: bound,
    [attributes.reason]: reason,
  });
  span.end(now);
}

/** Records the answer to a push. @param before version before the update that it became part of */
export function traceAcknowledge(
  state: ShardState,
  ticket: PushTicket,
  reply: PushReply | Refusal,
  before: number,
): void {
  const now = timeOf(state.options.clock.now());
  const span = tracer().startSpan(spanNames.acknowledge, { startTime: now }, ticket.trace.context);
  if (span.isRecording()) {
    span.setAttributes({
      ...identity(state, ticket),
      ...contributionAttributes(ticket, before),
      [attributes.outcome]: reply.type === "refused" ? reply.error.code : reply.type,
      [attributes.version]: reply.type === "refused" ? state.progress.version : reply.version,
    });
  }
  span.end(now);
}

/** Ends the span of a pull with its answer. */
export function endRead(state: ShardState, ticket: PullTicket, reply: PullReply | Refusal, now: number): void {
  const { span } = ticket.trace;
  if (span.isRecording()) {
    span.setAttributes({
      ...identity(state, ticket),
      [attributes.clock]: ticket.clock,
      [attributes.version]: state.progress.version,
      [attributes.outcome]: reply.type === "refused" ? reply.error.code : reply.type,
      [attributes.waitMs]: now - ticket.sinceMs,
      [attributes.waitedFor]: [...ticket.waitedFor],
    });
  }
  span.end(timeOf(now));
}
