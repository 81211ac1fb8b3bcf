/** The header of a response's frame, as plain data and as protobuf (`proto/shoal/v1/parameter_server.proto`). */
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { SerializedError } from "@shoal/errors";
import type { InstallReply, ReplicateReply } from "../exchange/replication.ts";
import type { InitializeReply, PullReply, PushReply } from "../exchange/requests.ts";
import {
  ParameterResponseSchema,
  type InitializeOutcome,
  type ParameterResponse,
  type PullOutcome,
  type PushOutcome,
} from "../generated/shoal/v1/parameter_server_pb.ts";
import { encodeFrameHead } from "./encode-frame.ts";
import { readRequestError, writeRequestError } from "./error-wire.ts";
import { malformedFrame } from "./header-collector.ts";
import { readInstallReply, readReplicateReply, writeInstallReply, writeReplicateReply } from "./replication-frame.ts";
import type { FrameContinuation } from "./request-frame.ts";

export type ResponseOutcome =
  | { readonly type: "initialize"; readonly reply: InitializeReply }
  | { readonly type: "push"; readonly reply: PushReply }
  | { readonly type: "pull"; readonly reply: PullReply }
  | { readonly type: "push_pull"; readonly push: PushReply; readonly pull: PullReply }
  | { readonly type: "replicate"; readonly reply: ReplicateReply }
  | { readonly type: "install"; readonly reply: InstallReply }
  | { readonly type: "error"; readonly error: SerializedError };

/** The first frame of a response. */
export interface ResponseHead {
  readonly type: "head";
  readonly request: number;
  readonly outcome: ResponseOutcome;
  /** Bytes of the whole payload, over all frames. */
  readonly totalBytes: number;
}

export type ResponseFrame = ResponseHead | FrameContinuation;

/** @returns what stands before the payload on the wire, see {@link encodeFrameHead} */
export function encodeResponseFrame(frame: ResponseFrame, payloadBytes: number): Uint8Array<ArrayBuffer> {
  const fields =
    frame.type === "head"
      ? { request: frame.request, payloadBytes: frame.totalBytes, ...writeOutcome(frame.outcome) }
      : { request: frame.request, offset: frame.offset };
  return encodeFrameHead(toBinary(ParameterResponseSchema, create(ParameterResponseSchema, fields)), payloadBytes);
}

/** @param fields - protobuf bytes before the payload; borrowed. @throws ShoalError codec_failed */
export function decodeResponseFrame(fields: Uint8Array): ResponseFrame {
  const message = parse(fields);
  const outcome = readOutcome(message);
  if (outcome === undefined) return { type: "continuation", request: message.request, offset: message.offset };
  if (message.offset !== 0) throw malformedFrame("the first frame of a response has an offset");
  return { type: "head", request: message.request, outcome, totalBytes: message.payloadBytes };
}

function parse(fields: Uint8Array): ParameterResponse {
  try {
    return fromBinary(ParameterResponseSchema, fields);
  } catch (error) {
    throw malformedFrame(error instanceof Error ? error.message : "no response");
  }
}

function writeOutcome(outcome: ResponseOutcome): MessageInitShape<typeof ParameterResponseSchema> {
  switch (outcome.type) {
    case "initialize":
      return { initialize: writeInitialize(outcome.reply) };
    case "push":
      return { push: writePush(outcome.reply) };
    case "pull":
      return { pull: writePull(outcome.reply) };
    case "push_pull":
      return { push: writePush(outcome.push), pull: writePull(outcome.pull) };
    case "replicate":
      return { replicate: writeReplicateReply(outcome.reply) };
    case "install":
      return { install: writeInstallReply(outcome.reply) };
    case "error":
      return { error: writeRequestError(outcome.error) };
  }
}

function writeInitialize({
  type,
  version,
}: InitializeReply): MessageInitShape<typeof ParameterResponseSchema>["initialize"] {
  return { outcome: { case: type === "initialized" ? "initialized" : "alreadyInitialized", value: { version } } };
}

function writePush(reply: PushReply): MessageInitShape<typeof ParameterResponseSchema>["push"] {
  const { version } = reply;
  switch (reply.type) {
    case "push_applied":
      return { outcome: { case: "applied", value: { version, staleness: reply.staleness } } };
    case "push_duplicate":
      return { outcome: { case: "duplicate", value: { version, ofBatch: reply.of === "batch" } } };
    case "push_rejected":
      return { outcome: { case: reply.reason === "too_stale" ? "tooStale" : "staleClock", value: { version } } };
  }
}

function readOutcome(message: ParameterResponse): ResponseOutcome | undefined {
  const { initialize, push, pull, error, replicate, install } = message;
  if (error !== undefined) return { type: "error", error: readRequestError(error) };
  if (initialize !== undefined) return { type: "initialize", reply: readInitialize(initialize) };
  if (push !== undefined && pull !== undefined) {
    return { type: "push_pull", push: readPush(push), pull: readPull(pull) };
  }
  if (push !== undefined) return { type: "push", reply: readPush(push) };
  if (replicate !== undefined) return { type: "replicate", reply: readReplicateReply(replicate) };
  if (install !== undefined) return { type: "install", reply: readInstallReply(install) };
  return pull === undefined ? undefined : { type: "pull", reply: readPull(pull) };
}

function writePull({ version, stamp, form }: PullReply): MessageInitShape<typeof ParameterResponseSchema>["pull"] {
  const forms = { unchanged: form === "unchanged", difference: form === "difference" };
  return { version, ...forms, ...(stamp === undefined ? {} : { stamp }) };
}

function readPull({ version, stamp, unchanged, difference }: PullOutcome): PullReply {
  const reply = { type: "values", version, ...(stamp === undefined ? {} : { stamp }) } as const;
  if (unchanged) return { ...reply, form: "unchanged" };
  return difference ? { ...reply, form: "difference" } : reply;
}

function readInitialize({ outcome }: InitializeOutcome): InitializeReply {
  switch (outcome.case) {
    case "initialized":
      return { type: "initialized", version: outcome.value.version };
    case "alreadyInitialized":
      return { type: "already_initialized", version: outcome.value.version };
    case undefined:
      throw malformedFrame("what came of an initialize is not said");
  }
}

function readPush({ outcome }: PushOutcome): PushReply {
  switch (outcome.case) {
    case "applied":
      return { type: "push_applied", version: outcome.value.version, staleness: outcome.value.staleness };
    case "duplicate":
      return {
        ...{ type: "push_duplicate", version: outcome.value.version },
        ...(outcome.value.ofBatch && { of: "batch" as const }),
      };
    case "staleClock":
      return { type: "push_rejected", reason: "stale_clock", version: outcome.value.version };
    case "tooStale":
      return { type: "push_rejected", reason: "too_stale", version: outcome.value.version };
    case undefined:
      throw malformedFrame("what came of a push is not said");
  }
}
