/** The four exchanges of a client as data: what is asked of one shard, and how it shows in a trace. */
import type { Attributes } from "@opentelemetry/api";
import {
  attributes,
  sizeOf,
  type InitializeReply,
  type PullReply,
  type PullRequest,
  type PushPullReply,
  type PushReply,
  type PushRequest,
  type ShardPlacement,
} from "@shoal/protocol";
import type { Contribution, PullTarget } from "./contribution.ts";
import type { ShardExchange } from "./shard-exchange.ts";

/** An exchange without what all exchanges of a client have in common. */
export type BareExchange<R> = Omit<ShardExchange<R>, "job" | "identity">;

/** @param values [vector size] float32, borrowed until the exchange ends */
export function initializeExchange(values: Float32Array, placement: ShardPlacement): BareExchange<InitializeReply> {
  const { shard, begin, end } = placement;
  return {
    kind: "initialize",
    shard,
    what: "initialize",
    attributes: {},
    payloadBytes: sizeOf(placement) * Float32Array.BYTES_PER_ELEMENT,
    call: (link, options) => link.initialize({ shard, values: values.subarray(begin, end) }, options),
    outcomeOf: versionOutcome,
  };
}

/** The pull of one shard's part of the target. */
export function pullExchange(target: PullTarget, placement: ShardPlacement): BareExchange<PullReply> {
  const request = pullRequest(target, placement);
  return {
    kind: "pull",
    shard: request.shard,
    what: `pull of clock ${request.clock}`,
    attributes: { [attributes.clock]: request.clock },
    call: (link, options) => link.pull(request, options),
    outcomeOf: versionOutcome,
  };
}

/** The push of one shard's part of the gradient. */
export function pushExchange(contribution: Contribution, request: PushRequest): BareExchange<PushReply> {
  return {
    ...describePush(contribution, request),
    kind: "push",
    what: `push of clock ${request.clock}`,
    call: (link, options) => link.push(request, options),
    outcomeOf: pushOutcome,
  };
}

/** Push and pull of one shard in one exchange. */
export function pushPullExchange(
  contribution: Contribution,
  request: PushRequest,
  target: PullTarget,
  placement: ShardPlacement,
): BareExchange<PushPullReply> {
  const pull = pullRequest(target, placement);
  return {
    ...describePush(contribution, request),
    kind: "push_pull",
    what: `push of clock ${request.clock} and pull of clock ${pull.clock}`,
    call: (link, options) => link.pushPull(request, pull, options),
    outcomeOf: (reply) => pushOutcome(reply.push),
  };
}

/** @param baseVersion version of the shard's values that the gradient was computed from */
export function pushRequest(
  { clock, batch, samples, gradient }: Contribution,
  { shard, begin, end }: ShardPlacement,
  sequence: number,
  baseVersion: number,
): PushRequest {
  const part = samples === 0 ? gradient.subarray(0, 0) : gradient.subarray(begin, end);
  return { shard, sequence, clock, baseVersion, batch, samples, gradient: part };
}

function pullRequest({ clock, into }: PullTarget, { shard, begin, end }: ShardPlacement): PullRequest {
  return { shard, clock, into: into.subarray(begin, end) };
}

function describePush(
  contribution: Contribution,
  request: PushRequest,
): Pick<BareExchange<unknown>, "shard" | "attributes" | "computed" | "payloadBytes"> {
  const { shard, clock, sequence, baseVersion, samples, batch, gradient } = request;
  return {
    shard,
    attributes: {
      [attributes.clock]: clock,
      [attributes.sequence]: sequence,
      [attributes.baseVersion]: baseVersion,
      [attributes.samples]: samples,
      ...(batch === null ? {} : { [attributes.batch]: batch }),
    },
    computed: contribution.computed,
    payloadBytes: gradient.byteLength,
  };
}

function versionOutcome(reply: InitializeReply | PullReply): Attributes {
  return { [attributes.outcome]: reply.type, [attributes.version]: reply.version };
}

function pushOutcome(reply: PushReply): Attributes {
  const outcome = { [attributes.outcome]: reply.type, [attributes.version]: reply.version };
  return reply.type === "push_applied" ? { ...outcome, [attributes.staleness]: reply.staleness } : outcome;
}
