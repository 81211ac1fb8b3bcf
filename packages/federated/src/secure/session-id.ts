/**
 * The session's id: SHA-256 over all public keys of its clients, each behind its length (big-endian uint32), and behind them,
 * as one more, over the terms of the sum (`roster.ts`).
 *
 * Everybody computes it from the roster. It is the salt of every key, so two clients that were shown different rosters
 * or told different terms have different masks and can open nothing of each other; and it decides the graph, so a server cannot choose it.
 */
import { sha256 } from "../contribution/sha256.ts";
import type { Bytes } from "./key-agreement.ts";

/** @param publicKeys - in the order of the roster; borrowed */
export function sessionIdOf(publicKeys: readonly Uint8Array[]): Bytes {
  return new Uint8Array(sha256(joinBytes(publicKeys)));
}

/** Each part behind its length, so that no two lists are the same bytes. */
export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length);
    joined.set(part, at + 4);
    at += 4 + part.length;
  }
  return joined;
}
