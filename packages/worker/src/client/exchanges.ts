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

/**
 * The pull of one shard's part of the target.
 * @param ask what the worker has, for each attempt anew: a shard that has moved knows nothing of it
 */
export function pullExchange(
  target: PullTarget,
  placement: ShardPlacement,
  ask: () => WhatOneHas,
): BareExchange<PullReply> {
  const { clock } = target;
  let request: PullRequest | undefined;
  return {
    kind: "pull",
    shard: placement.shard,
    what: `pull of clock ${clock}`,
    attributes: { [attributes.clock]: clock },
    call: (link, options) => link.pull((request = pullRequest(target, placement, ask())), options),
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

/** Push and pull of one shard in one exchange. @param ask as for a pull */
export function pushPullExchange(
  contribution: Contribution,
  coded: CodedPush,
  target: PullTarget,
  placement: ShardPlacement,
  ask: () => WhatOneHas,
): BareExchange<PushPullReply> {
  const { request } = coded;
  let pull: PullRequest | undefined;
  return {
    ...describePush(contribution, coded),
    kind: "push_pull",
    what: `push of clock ${request.clock} and pull of clock ${target.clock}`,
    call: (link, options) => link.pushPull(request, (pull = pullRequest(target, placement, ask())), options),
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
  { clock, exact, into }: PullTarget,
  { shard, begin, end }: ShardPlacement,
  what: WhatOneHas,
): PullRequest {
  return { shard, clock, into: into.subarray(begin, end), ...(exact === true && { former: true }), ...what };
}

function bytesOf(placement: ShardPlacement): number {
  return sizeOf(placement) * Float32Array.BYTES_PER_ELEMENT;
}

/** How values came, and in how many bytes. */
function pulledOutcome({ form }: PullReply, request: PullRequest | undefined): Attributes {
  if (request === undefined) return {};
  const { into, difference } = request;
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
      ...(contribution.standsIn === true && { [attributes.standInSlot]: contribution.slot ?? 0 }),
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
