/** The header of a request's frame, as plain data and as protobuf (`proto/shoal/v1/parameter_server.proto`). */
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { TraceCarrier } from "@shoal/actors";
import type { PushRequest } from "../exchange/requests.ts";
import { ParameterRequestSchema, type ParameterRequest, type Push } from "../generated/shoal/v1/parameter_server_pb.ts";
import { encodeFrameHead } from "./encode-frame.ts";
import { malformedFrame } from "./header-collector.ts";
import {
  readEntry,
  readInstall,
  writeEntry,
  writeInstall,
  type EntryHeader,
  type InstallHeader,
} from "./replication-frame.ts";

/** A push without its gradient, which is the payload. */
export type PushHeader = Omit<PushRequest, "gradient">;

/** Stamp of the values that a puller has, see `PullRequest`. */
export interface WhatOneHas {
  readonly have?: number | undefined;
}

export type RequestKind =
  | { readonly type: "initialize"; readonly shard: number }
  | { readonly type: "push"; readonly push: PushHeader }
  | ({
      readonly type: "pull";
      readonly shard: number;
      readonly clock: number;
      readonly former?: boolean | undefined;
    } & WhatOneHas)
  | ({ readonly type: "push_pull"; readonly push: PushHeader; readonly pullClock: number } & WhatOneHas)
  | { readonly type: "replicate"; readonly entry: EntryHeader }
  | { readonly type: "install"; readonly part: InstallHeader }
  | { readonly type: "cancel" };

/** The first frame of a request. */
export interface RequestHead {
  readonly type: "head";
  readonly request: number;
  readonly kind: RequestKind;
  /** Bytes of the whole payload, over all frames. */
  readonly totalBytes: number;
  /** ms from the arrival of this frame; 0: the server decides. */
  readonly deadlineMs: number;
  readonly trace?: TraceCarrier;
}

/** A further frame of a request or a response: `offset` is where its payload belongs, in bytes. */
export interface FrameContinuation {
  readonly type: "continuation";
  readonly request: number;
  readonly offset: number;
}

export type RequestFrame = RequestHead | FrameContinuation;

/** Longest trace headers that are passed on; longer ones are dropped, as the W3C text advises. */
const maximumTraceStateLength = 512;
const traceParentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** @returns what stands before the payload on the wire, see {@link encodeFrameHead} */
export function encodeRequestFrame(frame: RequestFrame, payloadBytes: number): Uint8Array<ArrayBuffer> {
  const fields = frame.type === "head" ? headFields(frame) : { request: frame.request, offset: frame.offset };
  return encodeFrameHead(toBinary(ParameterRequestSchema, create(ParameterRequestSchema, fields)), payloadBytes);
}

/** @param fields - protobuf bytes before the payload; borrowed. @throws ShoalError codec_failed */
export function decodeRequestFrame(fields: Uint8Array): RequestFrame {
  const message = parse(fields);
  const kind = readKind(message);
  if (kind === undefined) return { type: "continuation", request: message.request, offset: message.offset };
  if (message.offset !== 0) throw malformedFrame("the first frame of a request has an offset");
  const trace = readTrace(message);
  return {
    type: "head",
    request: message.request,
    kind,
    totalBytes: message.payloadBytes,
    deadlineMs: message.deadlineMs,
    ...(trace === undefined ? {} : { trace }),
  };
}

function parse(fields: Uint8Array): ParameterRequest {
  try {
    return fromBinary(ParameterRequestSchema, fields);
  } catch (error) {
    throw malformedFrame(error instanceof Error ? error.message : "no request");
  }
}

function headFields(frame: RequestHead): MessageInitShape<typeof ParameterRequestSchema> {
  return {
    request: frame.request,
    kind: writeKind(frame.kind),
    payloadBytes: frame.totalBytes,
    deadlineMs: frame.deadlineMs,
    traceparent: frame.trace?.traceparent ?? "",
    tracestate: frame.trace?.tracestate ?? "",
  };
}

function writeKind(kind: RequestKind): NonNullable<MessageInitShape<typeof ParameterRequestSchema>["kind"]> {
  switch (kind.type) {
    case "initialize":
      return { case: "initialize", value: { shard: kind.shard } };
    case "push":
      return { case: "push", value: writePush(kind.push) };
    case "pull":
      return {
        case: "pull",
        value: { shard: kind.shard, clock: kind.clock, former: kind.former ?? false, ...having(kind) },
      };
    case "push_pull":
      return { case: "pushPull", value: { push: writePush(kind.push), pullClock: kind.pullClock, ...having(kind) } };
    case "replicate":
      return { case: "replicate", value: writeEntry(kind.entry) };
    case "install":
      return { case: "install", value: writeInstall(kind.part) };
    case "cancel":
      return { case: "cancel", value: {} };
  }
}

function writePush({ batch, batches = 0, encoding = "", ...push }: PushHeader): Omit<Push, "$typeName" | "$unknown"> {
  return batch === null ? { ...push, encoding, batches } : { ...push, encoding, batch, batches };
}

function having({ have }: WhatOneHas): WhatOneHas {
  return have === undefined ? {} : { have };
}

function readKind(message: ParameterRequest): RequestKind | undefined {
  const { kind } = message;
  switch (kind.case) {
    case "initialize":
      return { type: "initialize", shard: kind.value.shard };
    case "push":
      return { type: "push", push: readPush(kind.value) };
    case "pull":
      return {
        ...{ type: "pull", shard: kind.value.shard, clock: kind.value.clock },
        ...(kind.value.former && { former: true }),
        ...having(kind.value),
      };
    case "pushPull":
      if (kind.value.push === undefined) throw malformedFrame("a push_pull has no push");
      return {
        ...{ type: "push_pull", push: readPush(kind.value.push), pullClock: kind.value.pullClock },
        ...having(kind.value),
      };
    case "replicate":
      return { type: "replicate", entry: readEntry(kind.value) };
    case "install":
      return { type: "install", part: readInstall(kind.value) };
    case "cancel":
      return { type: "cancel" };
    case undefined:
      return undefined;
  }
}

function readPush({ shard, sequence, clock, baseVersion, batch, batches, samples, encoding }: Push): PushHeader {
  const header = { shard, sequence, clock, baseVersion, batch: batch ?? null, samples };
  return { ...header, ...(batches > 0 && { batches }), ...(encoding !== "" && { encoding }) };
}

function readTrace({ traceparent, tracestate }: ParameterRequest): TraceCarrier | undefined {
  if (!traceParentPattern.test(traceparent)) return undefined;
  if (tracestate === "" || tracestate.length > maximumTraceStateLength) return { traceparent };
  return { traceparent, tracestate };
}
