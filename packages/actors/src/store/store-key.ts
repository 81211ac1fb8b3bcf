/** Keys of the state store, and their safe form as NATS KV keys. */
import { ShoalError } from "@shoal/errors";
import { maximumKeyLength } from "./state-store.ts";

const safe = /^[A-Za-z0-9_-]$/;

/** @throws ShoalError `invalid_argument` - it is empty, too long, or has an empty segment */
export function checkKey(key: string): string {
  const segments = key.split("/");
  if (key.length <= maximumKeyLength && key.isWellFormed() && segments.every((segment) => segment !== "")) return key;
  throw new ShoalError(
    "invalid_argument",
    `a key is 1 to ${String(maximumKeyLength)} characters in segments between "/", not ${JSON.stringify(key.slice(0, 300))}`,
    { field: "key" },
  );
}

/** "/" becomes ".", so that a prefix is a NATS wildcard; a byte outside `[A-Za-z0-9_-]` becomes "=" and two hex digits. */
export function toNatsKey(key: string): string {
  return key.split("/").map(escapeSegment).join(".");
}

export function fromNatsKey(natsKey: string): string {
  return natsKey.split(".").map(unescapeSegment).join("/");
}

/** The NATS wildcard for all keys that may begin with `prefix`: its whole segments, then anything. */
export function toNatsFilter(prefix: string): string {
  const segments = prefix.split("/").slice(0, -1);
  return [...segments.map(escapeSegment), ">"].join(".");
}

function escapeSegment(segment: string): string {
  const bytes = new TextEncoder().encode(segment);
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return safe.test(character) ? character : `=${byte.toString(16).padStart(2, "0")}`;
  }).join("");
}

function unescapeSegment(segment: string): string {
  return decodeURIComponent(segment.replaceAll("=", "%"));
}
