/**
 * What a dealer binds itself to: the SHA-256 of each share, which the server keeps and the share's receiver is sent with it.
 *
 *   SHA-256(protocol and which secret ‖ session (32) ‖ dealer (uint32) ‖ receiver (uint32) ‖ share)
 *
 * A receiver holds no share of another hash, and the server uses none: so a share that is not what was dealt is its
 * revealer's doing, and shares that are, and give no secret, are their dealer's.
 * A share is random, or, with threshold − 1 others, as hard to guess as the 32 random bytes that they share: its hash hides it.
 */
import { sha256 } from "../contribution/sha256.ts";
import type { Bytes } from "./key-agreement.ts";
import { secureProtocol, type SealedShares } from "./messages.ts";

/** Of SHA-256. */
export const hashBytes = 32;

/** The secret that a share is of. */
export type SharedSecret = "maskKey" | "seed";

/** None begins with another, and what follows has fixed lengths: no two shares are hashed as the same bytes. */
const prefixes: Readonly<Record<SharedSecret, Uint8Array>> = {
  maskKey: new TextEncoder().encode(`${secureProtocol} share of a mask key`),
  seed: new TextEncoder().encode(`${secureProtocol} share of a seed`),
};

/** @param session - 32 bytes @param from - index of the dealer in the roster @param to - of the receiver @param share - borrowed */
export function shareHashOf(
  session: Uint8Array,
  [from, to]: readonly [from: number, to: number],
  secret: SharedSecret,
  share: Uint8Array,
): Bytes {
  const prefix = prefixes[secret];
  const at = prefix.length + session.length;
  const bytes = new Uint8Array(at + 8 + share.length);
  bytes.set(prefix);
  bytes.set(session, prefix.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(at, from);
  view.setUint32(at + 4, to);
  bytes.set(share, at + 8);
  return new Uint8Array(sha256(bytes));
}

/** Whether a share is the one that was dealt. Borrows all. */
export function isAsDealt(
  session: Uint8Array,
  { from, to, hashes }: Pick<SealedShares, "from" | "to" | "hashes">,
  secret: SharedSecret,
  share: Uint8Array,
): boolean {
  const found = shareHashOf(session, [from, to], secret, share);
  const dealt = hashes[secret];
  return dealt.length === hashBytes && found.every((byte, index) => byte === dealt[index]);
}
