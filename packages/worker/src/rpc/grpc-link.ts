/**
 * The gRPC link: a worker's end of one exchange stream to one server.
 *
 * Connects with its first call, and again with the first call after the connection was lost; the calls under way at
 * that moment fail with `transport_lost`, and whoever made them repeats them (L3).
 */
import type { Clock } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import {
  writeStreamMetadata,
  type CallOptions,
  type LinkIdentity,
  type ParameterLink,
  type PullRequest,
  type PushHeader,
  type PushRequest,
  type RequestKind,
  type ResponseOutcome,
} from "@shoal/protocol";
import type { RpcClientEngine } from "./engine/rpc-client-engine.ts";
import { createClientOfLink } from "./open-client.ts";

export interface GrpcLinkOptions {
  readonly engine: RpcClientEngine;
  readonly clock: Clock;
  readonly token: string | undefined;
  readonly graceMs: number;
}

const noBytes = new Uint8Array(0);

/** The vectors of a call. */
interface Views {
  readonly send?: Float32Array;
  readonly into?: Float32Array;
  readonly difference?: Float32Array | undefined;
}

export function createGrpcLink(endpoint: string, identity: LinkIdentity, options: GrpcLinkOptions): ParameterLink {
  const metadata = writeStreamMetadata(identity, options.token);
  const { engine, clock, graceMs } = options;
  const client = createClientOfLink({ engine, clock, graceMs, endpoint, method: "Exchange", metadata });

  const call = async <T extends ResponseOutcome["type"]>(
    wanted: T,
    kind: RequestKind,
    shard: number,
    { deadlineMs, signal }: CallOptions,
    views: Views,
  ): Promise<Extract<ResponseOutcome, { type: T }>> => {
    const what = `${kind.type} of shard ${shard} at ${endpoint}`;
    const payload = views.send === undefined ? noBytes : bytesOf(views.send);
    const into = views.into === undefined ? undefined : bytesOf(views.into);
    const difference = views.difference === undefined ? undefined : bytesOf(views.difference);
    const outcome = await client.connected().call({ kind, what, deadlineMs, signal, payload, into, difference });
    if (isOutcome(outcome, wanted)) return outcome;
    throw new ShoalError("codec_failed", `${what} was answered as ${outcome.type}`, { endpoint });
  };

  return {
    async initialize({ shard, values }, options_) {
      return (await call("initialize", { type: "initialize", shard }, shard, options_, { send: values })).reply;
    },
    async push(push, options_) {
      const kind = { type: "push", push: headerOf(push) } as const;
      return (await call("push", kind, push.shard, options_, { send: push.gradient })).reply;
    },
    async pull({ shard, clock, have, former, into, difference }, options_) {
      return (await call("pull", { type: "pull", shard, clock, have, former }, shard, options_, { into, difference }))
        .reply;
    },
    async pushPull(push, pull, options_) {
      checkSameShard(push, pull);
      const kind = { type: "push_pull", push: headerOf(push), pullClock: pull.clock, have: pull.have } as const;
      const { push: pushed, pull: pulled } = await call("push_pull", kind, push.shard, options_, {
        send: push.gradient,
        into: pull.into,
        difference: pull.difference,
      });
      return { push: pushed, pull: pulled };
    },
    async close() {
      client.close();
    },
  };
}

function isOutcome<T extends ResponseOutcome["type"]>(
  outcome: ResponseOutcome,
  type: T,
): outcome is Extract<ResponseOutcome, { type: T }> {
  return outcome.type === type;
}

function headerOf({ gradient: _gradient, ...header }: PushRequest): PushHeader {
  return header;
}

/** The same memory as bytes: float32 as this machine has them, which is little-endian (checked by the factory). */
function bytesOf(view: Float32Array): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function checkSameShard(push: PushRequest, pull: PullRequest): void {
  if (push.shard === pull.shard) return;
  throw new ShoalError("invalid_argument", `a push_pull of shard ${push.shard} cannot pull shard ${pull.shard}`, {
    field: "pull.shard",
  });
}
