/**
 * A client's two shares for one neighbour, sealed for that one: the server carries them and cannot open them.
 *
 *   IV (12 bytes) ‖ AES-256-GCM(share of the mask key (36) ‖ share of the seed (36)) ‖ tag (16);   sender and receiver are
 *   authenticated along, the session by the key
 */
import { ShoalError } from "@shoal/errors";
import type { RandomBytes } from "../privacy/random-bits.ts";
import { secretBytes, type Bytes } from "./key-agreement.ts";
import { shareBytes } from "./shamir.ts";

/** The two shares that a neighbour holds of a client, of which it gives away one at most. */
export interface SharePair {
  readonly maskKey: Bytes;
  readonly seed: Bytes;
}

const [ivBytes, tagBytes] = [12, 16];
const oneShare: number = shareBytes(secretBytes);
export const sealedBytes: number = ivBytes + 2 * oneShare + tagBytes;

/** @param from - index of the sender in the roster @param to - of the receiver */
export async function sealShares(
  { subtle, randomBytes }: { readonly subtle: SubtleCrypto; readonly randomBytes: RandomBytes },
  key: CryptoKey,
  [from, to]: readonly [from: number, to: number],
  shares: SharePair,
): Promise<Bytes> {
  const sealed = new Uint8Array(sealedBytes);
  const iv = sealed.subarray(0, ivBytes);
  randomBytes(iv);
  const plain = new Uint8Array(2 * oneShare);
  plain.set(shares.maskKey);
  plain.set(shares.seed, oneShare);
  const algorithm = { name: "AES-GCM", iv: iv.slice(), additionalData: addressOf(from, to) };
  sealed.set(new Uint8Array(await subtle.encrypt(algorithm, key, plain)), ivBytes);
  return sealed;
}

/** Borrows `sealed`. @throws ShoalError codec_failed - for what was not sealed for this pair and session */
export async function openShares(
  subtle: SubtleCrypto,
  key: CryptoKey,
  [from, to]: readonly [from: number, to: number],
  sealed: Uint8Array,
): Promise<SharePair> {
  const algorithm = { name: "AES-GCM", iv: sealed.slice(0, ivBytes), additionalData: addressOf(from, to) };
  let plain: Bytes;
  try {
    if (sealed.length !== sealedBytes) throw new RangeError(`${sealed.length} bytes, expected ${sealedBytes}`);
    plain = new Uint8Array(await subtle.decrypt(algorithm, key, sealed.slice(ivBytes)));
  } catch (error) {
    throw new ShoalError("codec_failed", `shares from client ${from} do not open`, { from, to }, { cause: error });
  }
  return { maskKey: plain.slice(0, oneShare), seed: plain.slice(oneShare) };
}

function addressOf(from: number, to: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, from);
  new DataView(bytes.buffer).setUint32(4, to);
  return bytes;
}
