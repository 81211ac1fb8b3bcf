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
import type { CodedPush } from "./vector-coding.ts";
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
    coded: { direction: "push", encoding: "float32", bytesBefore: bytesOf(placement), bytesAfter: bytesOf(placement) },
    call: (link, options) => link.initialize({ shard, values: values.subarray(begin, end) }, options),
    outcomeOf: versionOutcome,
  };
}

/** The pull of one shard's part of the target. */
export function pullExchange(target: PullTarget, placement: ShardPlacement, what: WhatOneHas): BareExchange<PullReply> {
  const request = pullRequest(target, placement, what);
  return {
    kind: "pull",
    shard: request.shard,
    what: `pull of clock ${request.clock}`,
    attributes: { [attributes.clock]: request.clock },
    call: (link, options) => link.pull(request, options),
    outcomeOf: (reply) => ({ ...versionOutcome(reply), ...pulledOutcome(reply, request) }),
  };
}

/** The push of one shard's part of the gradient. */
export function pushExchange(contribution: Contribution, coded: CodedPush): BareExchange<PushReply> {
  const { request } = coded;
  return {
    ...describePush(contribution, coded),
    kind: "push",
    what: `push of clock ${request.clock}`,
    call: (link, options) => link.push(request, options),
    outcomeOf: pushOutcome,
  };
}

/** Push and pull of one shard in one exchange. */
export function pushPullExchange(
  contribution: Contribution,
  coded: CodedPush,
  target: PullTarget,
  placement: ShardPlacement,
  what: WhatOneHas,
): BareExchange<PushPullReply> {
  const { request } = coded;
  const pull = pullRequest(target, placement, what);
  return {
    ...describePush(contribution, coded),
    kind: "push_pull",
    what: `push of clock ${request.clock} and pull of clock ${pull.clock}`,
    call: (link, options) => link.pushPull(request, pull, options),
    outcomeOf: (reply) => ({ ...pushOutcome(reply.push), ...pulledOutcome(reply.pull, pull) }),
  };
}

/** @param baseVersion version of the shard's values that the gradient was computed from */
export function pushRequest(
  { clock, batch, batches, samples, gradient }: Contribution,
  { shard, begin, end }: ShardPlacement,
  sequence: number,
  baseVersion: number,
): PushRequest {
  const part = samples === 0 ? gradient.subarray(0, 0) : gradient.subarray(begin, end);
  const several = batches === undefined ? {} : { batches };
  return { shard, sequence, clock, baseVersion, batch, ...several, samples, gradient: part };
}

/** What a pull says of what the worker has already. */
export type WhatOneHas = Pick<PullRequest, "have" | "difference">;

function pullRequest(
  { clock, into }: PullTarget,
  { shard, begin, end }: ShardPlacement,
  what: WhatOneHas,
): PullRequest {
  return { shard, clock, into: into.subarray(begin, end), ...what };
}

function bytesOf(placement: ShardPlacement): number {
  return sizeOf(placement) * Float32Array.BYTES_PER_ELEMENT;
}

/** How values came, and in how many bytes. */
function pulledOutcome({ form }: PullReply, { into, difference }: PullRequest): Attributes {
  const bytes = form === "unchanged" ? 0 : form === "difference" ? difference?.byteLength : into.byteLength;
  return {
    [attributes.pulledForm]: form ?? "whole",
    [attributes.pulledBytesBefore]: into.byteLength,
    [attributes.pulledBytesAfter]: bytes ?? 0,
  };
}

function describePush(
  contribution: Contribution,
  { request, moved, reason }: CodedPush,
): Pick<BareExchange<unknown>, "shard" | "attributes" | "computed" | "coded"> {
  const { shard, clock, sequence, baseVersion, samples, batch } = request;
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
    coded: { ...moved, reason },
  };
}

function versionOutcome(reply: InitializeReply | PullReply): Attributes {
  return { [attributes.outcome]: reply.type, [attributes.version]: reply.version };
}

function pushOutcome(reply: PushReply): Attributes {
  const outcome = { [attributes.outcome]: reply.type, [attributes.version]: reply.version };
  return reply.type === "push_applied" ? { ...outcome, [attributes.staleness]: reply.staleness } : outcome;
}
