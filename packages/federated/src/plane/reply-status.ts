/** Errors as replies of the federated plane: a header says that the body is one. */
import { isErrorCode, ShoalError } from "@shoal/errors";
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";

/** Header of a reply that is an error. */
export const errorHeader = "Shoal-Error";

const limits = { what: "an error of the federated plane", maximumBytes: 8_192, allowRefs: false };
/** What is longer tells nobody more. */
const longestSentence = 1_024;

/** Code and sentence travel; details may name what is none of a client's business. */
export function encodeError(error: unknown): Uint8Array {
  const { code, message } = ShoalError.from(error);
  return encodePlainData({ code, message: message.slice(0, longestSentence) }, limits);
}

/** Bytes (borrowed) of any origin. */
export function decodeError(bytes: Uint8Array): ShoalError {
  const body = decodePlainData(bytes, limits, "refuse") as {
    readonly code?: unknown;
    readonly message?: unknown;
  } | null;
  const { code, message } = typeof body === "object" && body !== null ? body : {};
  const known = typeof code === "string" && isErrorCode(code) ? code : "internal";
  const sentence = typeof message === "string" ? message.replace(/^\[[a-z_]+\] /, "") : "the aggregator gave no reason";
  return new ShoalError(known, sentence);
}
