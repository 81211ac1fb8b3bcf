/**
 * SHA-256, at once: WebCrypto's is asynchronous, and what waits for it would depend on real time also where time is
 * simulated.
 */
import { nativeSha256 } from "./host/native-sha256.ts";
import { portableSha256 } from "./portable-sha256.ts";

export const digestBytes = 32;

const hashBytes = nativeSha256 ?? portableSha256;

/** Borrows `content`, which may lie in shared memory. */
export function sha256(content: Uint8Array): Uint8Array {
  return hashBytes(content);
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Strings after their lengths, so that no two lists run into the same bytes. */
export function joinStrings(parts: readonly string[]): Uint8Array {
  const encoder = new TextEncoder();
  const encoded = parts.map((part) => encoder.encode(part));
  const joined = new Uint8Array(encoded.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const part of encoded) {
    view.setUint32(at, part.length);
    joined.set(part, at + 4);
    at += 4 + part.length;
  }
  return joined;
}
