/**
 * The session's id: SHA-256 over all public keys of its clients, each behind its length (big-endian uint32).
 *
 * Everybody computes it from the roster. It is the salt of every key, so two clients that were shown different rosters
 * have different masks and can open nothing of each other; and it decides the graph, so a server cannot choose it.
 */
import type { Bytes } from "./key-agreement.ts";

/** @param publicKeys - in the order of the roster; borrowed */
export async function sessionIdOf(subtle: SubtleCrypto, publicKeys: readonly Uint8Array[]): Promise<Bytes> {
  const length = publicKeys.reduce((sum, key) => sum + 4 + key.length, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const key of publicKeys) {
    view.setUint32(at, key.length);
    bytes.set(key, at + 4);
    at += 4 + key.length;
  }
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}
