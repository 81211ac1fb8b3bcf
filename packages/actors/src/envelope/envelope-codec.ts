/** Envelopes to bytes and back. The wire form is a map with the property names of `Envelope`. */
import { ShoalError, type ErrorDetails, type SerializedError } from "@shoal/errors";
import { isAddress } from "../address.ts";
import { decodePlainData, encodePlainData, type RefPolicy } from "./plain-data.ts";
import { maximumEnvelopeBytes, type Envelope, type TraceCarrier } from "./envelope.ts";

const limits = { what: "an envelope", maximumBytes: maximumEnvelopeBytes, allowRefs: true };

/** Longest header values that are believed: the standard's 55 characters, and its advice of 512 for the state. */
const maximumTraceparentLength = 55;
const maximumTracestateLength = 512;

/** @throws ShoalError `codec_failed`, `payload_too_large` */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return encodePlainData(envelope, limits);
}

/**
 * Decodes bytes (borrowed) of any origin. What it returns has the shape of an envelope; the message inside is
 * unchecked plain data.
 * @param refs - makes the refs inside the message
 * @throws ShoalError `codec_failed`, `payload_too_large` - and nothing else
 */
export function decodeEnvelope(bytes: Uint8Array, refs: Exclude<RefPolicy, string>): Envelope {
  const body = decodePlainData(bytes, limits, refs);
  if (!isObject(body)) throw malformed("it is not a map");
  const { kind, to } = body;
  if (!isAddress(to)) throw malformed(`"to" is not an address`);
  if (kind === "error") return { kind, to, error: readError(body["error"]) };
  if (kind !== "message") throw malformed(`"kind" is neither "message" nor "error"`);
  const { from, deadlineMs, message } = body;
  if (from !== undefined && !isAddress(from)) throw malformed(`"from" is not an address`);
  if (deadlineMs !== undefined && !isDuration(deadlineMs)) throw malformed(`"deadlineMs" is not a number above 0`);
  const trace = readTrace(body["trace"]);
  return {
    kind,
    to,
    message,
    ...(from !== undefined && { from }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(trace && { trace }),
  };
}

function readError(value: unknown): SerializedError {
  if (!isObject(value)) throw malformed(`"error" is not a map`);
  const { code, message, details } = value;
  if (typeof code !== "string" || typeof message !== "string") throw malformed(`"error" has no code or no message`);
  return ShoalError.deserialize({ code, message, details: readDetails(details) }).toJSON();
}

function readDetails(value: unknown): ErrorDetails {
  if (!isObject(value)) return {};
  const isPlain = ([, detail]: [string, unknown]): boolean =>
    typeof detail === "string" || typeof detail === "number" || typeof detail === "boolean";
  return Object.fromEntries(Object.entries(value).filter(isPlain)) as ErrorDetails;
}

/** A malformed trace is left out, not an error: telemetry must not decide whether a message arrives. */
function readTrace(value: unknown): TraceCarrier | undefined {
  if (!isObject(value)) return undefined;
  const { traceparent, tracestate } = value;
  if (typeof traceparent !== "string" || traceparent.length > maximumTraceparentLength) return undefined;
  if (typeof tracestate !== "string" || tracestate.length > maximumTracestateLength) return { traceparent };
  return { traceparent, tracestate };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function isDuration(value: unknown): value is number {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}

function malformed(sentence: string): ShoalError {
  return new ShoalError("codec_failed", `bytes are no envelope: ${sentence}`);
}
