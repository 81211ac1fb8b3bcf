/** Errors on the data plane: of one request as protobuf, of a whole stream as the trailer `shoal-error`. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  errorTable,
  isErrorCode,
  ShoalError,
  type ErrorCode,
  type ErrorDetails,
  type SerializedError,
} from "@shoal/errors";
import type { RequestError, RequestErrorSchema } from "../generated/shoal/v1/parameter_server_pb.ts";

/** Trailer that carries a stream's error beside gRPC's own status, as JSON in printable ASCII. */
export const errorTrailer = "shoal-error";

/** Longest sentence and most details that are read from a wire. */
const maximumMessageLength = 4096;
const maximumDetails = 64;

export function writeRequestError(error: SerializedError): MessageInitShape<typeof RequestErrorSchema> {
  const details = Object.entries(error.details).map(([name, value]) => [name, { value: writeDetail(value) }] as const);
  return {
    code: error.code,
    message: error.message.slice(0, maximumMessageLength),
    details: Object.fromEntries(details.slice(0, maximumDetails)),
  };
}

function writeDetail(value: string | number | boolean) {
  if (typeof value === "string") return { case: "text" as const, value };
  return typeof value === "number" ? { case: "number" as const, value } : { case: "flag" as const, value };
}

/** A code that this version does not know (a newer peer's) reads as `internal`. */
export function readRequestError(error: RequestError): SerializedError {
  const details: Record<string, string | number | boolean> = {};
  for (const [name, detail] of Object.entries(error.details).slice(0, maximumDetails)) {
    if (detail.value.case !== undefined) details[name] = detail.value.value;
  }
  const message = error.message.slice(0, maximumMessageLength);
  return { code: isErrorCode(error.code) ? error.code : "internal", message, details };
}

/** The trailers that end a stream: gRPC's status and sentence, and our own error. */
export function errorTrailers(error: ShoalError): Readonly<Record<string, string>> {
  return {
    "grpc-status": String(error.row.grpcStatus),
    "grpc-message": percentEncode(error.message.slice(0, maximumMessageLength)),
    [errorTrailer]: asciiJson({ ...error.toJSON(), message: error.message.slice(0, maximumMessageLength) }),
  };
}

/** Reads what ended a stream; undefined for status 0. Values are those of the trailers, or undefined. */
export function errorOfTrailers(
  status: string | undefined,
  message: string | undefined,
  trailer: string | undefined,
): ShoalError | undefined {
  if (status === "0") return undefined;
  const own = trailer === undefined ? undefined : parseError(trailer);
  if (own !== undefined) return ShoalError.deserialize(own);
  const sentence = message === undefined ? "" : percentDecode(message.slice(0, 3 * maximumMessageLength));
  const said = sentence === "" ? "without a sentence" : `"${sentence}"`;
  return new ShoalError(codeOfStatus(Number(status)), `the stream ended with gRPC status ${status ?? "none"} ${said}`);
}

/** The first row of the table with that status, among those a caller can act on. */
function codeOfStatus(status: number): ErrorCode {
  const byStatus: Readonly<Record<number, ErrorCode>> = {
    1: "cancelled",
    8: "payload_too_large",
    14: "transport_lost",
  };
  const known = byStatus[status];
  if (known !== undefined) return known;
  const codes = Object.keys(errorTable).filter(isErrorCode);
  return codes.find((code) => errorTable[code].grpcStatus === status) ?? "internal";
}

function parseError(text: string): { code: string; message: string; details?: ErrorDetails } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { code, message, details } = value as Record<string, unknown>;
    if (typeof code !== "string" || typeof message !== "string") return undefined;
    return { code, message: message.slice(0, maximumMessageLength), details: plainDetails(details) };
  } catch {
    return undefined;
  }
}

function plainDetails(value: unknown): ErrorDetails {
  if (typeof value !== "object" || value === null) return {};
  const plain: Record<string, string | number | boolean> = {};
  for (const [name, detail] of Object.entries(value).slice(0, maximumDetails)) {
    if (typeof detail === "string" || typeof detail === "number" || typeof detail === "boolean") plain[name] = detail;
  }
  return plain;
}

/** JSON whose characters beyond printable ASCII are escaped, as a header value must be. */
function asciiJson(error: SerializedError): string {
  return JSON.stringify(error).replace(/[^\x20-\x7e]/gu, (character) =>
    Array.from(
      character.matchAll(/[\s\S]/g),
      ([unit]) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

/** The encoding of `grpc-message`: UTF-8, everything but printable ASCII without `%` as `%XX`. */
export function percentEncode(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}

/** Reads `grpc-message`; what is not valid percent-encoding is taken as it stands. */
export function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
