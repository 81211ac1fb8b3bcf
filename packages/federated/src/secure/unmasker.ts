/**
 * Takes the masks out of a sum: joins the secrets that neighbours have given shares of, checks each, and subtracts.
 *
 *   Σ x = Σ masked − Σ_{survivors u} PRG(b_u) − Σ_{dropped d} Σ_{partners v in the sum} sign(v, d)·PRG(s_vd)   (mod 2^bits)
 *
 * A mask key is checked against the public key of the roster, a seed against the hash that came with it. All shares are what
 * was dealt (`share-hash.ts`): where they do not give the secret, who dealt them is to blame. Where there are more than
 * the threshold, one that is on no polynomial with the others is got round.
 */
import { ShoalError } from "@shoal/errors";
import { unpackBits } from "./bit-packing.ts";
import {
  agree,
  agreesWith,
  deriveKey,
  generateKeyPair,
  importKeyPair,
  secretBytes,
  type Bytes,
  type KeyPair,
} from "./key-agreement.ts";
import { add, applyMasks, type SignedMask } from "./mask-stream.ts";
import type { AdvertisedKeys, Roster, SecureSettings } from "./messages.ts";
import { pointOf, seedHashOf, signOf } from "./roster.ts";
import type { CollectedShare, Unmasking } from "./server-state.ts";
import { joinShares } from "./shamir.ts";

export interface Unmasker {
  /**
   * Takes all masks out of a chunk of the sum of the survivors' vectors. Overwrites `sum`.
   * @param begin - element of the vector that the chunk begins with, a multiple of 16
   */
  unmask(begin: number, sum: Uint32Array): Promise<void>;
}

interface Site {
  readonly subtle: SubtleCrypto;
  readonly settings: Pick<SecureSettings, "bits" | "curve">;
  readonly roster: Roster;
  /** 32 bytes. */
  readonly session: Bytes;
}

/**
 * Joins and checks all secrets.
 * @throws ShoalError codec_failed - its detail `client` is the dealer whose shares do not give its secret: then there is no sum
 */
export async function createUnmasker(site: Site, { survivors, dropped, threshold }: Unmasking): Promise<Unmasker> {
  const { subtle, settings, session, roster } = site;
  const masks: SignedMask[] = [];
  for (const { client, shares } of survivors) {
    const { seedHash } = keysAt(roster, client);
    const seed = await recover(client, shares, threshold, (secret) =>
      isSame(seedHashOf(secret), seedHash) ? secret : undefined,
    );
    masks.push({ key: await deriveKey(subtle, seed, session, "self-mask"), sign: -1 });
  }
  const fresh = await generateKeyPair(subtle, settings.curve);
  for (const { client, partners, shares } of dropped) {
    const pair = await recover(client, shares, threshold, (secret) =>
      pairOf(secret, keysAt(roster, client), fresh, site),
    );
    for (const partner of partners) {
      const agreed = await agree(subtle, pair, keysAt(roster, partner).maskKey);
      const sign = signOf(partner, client) === 1 ? -1 : 1;
      masks.push({ key: await deriveKey(subtle, agreed, session, "pair-mask"), sign });
    }
  }
  return { unmask: (begin, sum) => applyMasks(subtle, masks, settings.bits, begin, sum) };
}

/** sum += a client's masked chunk. Overwrites `sum`; borrows `packed`. @throws ShoalError codec_failed - nothing is added then */
export function addMasked(sum: Uint32Array, packed: Uint8Array, bits: number): void {
  const words = new Uint32Array(sum.length);
  unpackBits(packed, bits, words);
  add(sum, words);
}

/** Tries as many shares in a row as the threshold, from each on: one wrong share is in some of these only. */
async function recover<T>(
  client: number,
  shares: readonly CollectedShare[],
  threshold: number,
  accept: (secret: Bytes) => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const points = shares.map(({ from, share }) => ({ point: pointOf(from), bytes: new Uint8Array(share) }));
  const tries = points.length > threshold ? points.length : 1;
  let cause: unknown;
  for (let first = 0; first < tries; first++) {
    try {
      const accepted = await accept(joinShares([...points, ...points].slice(first, first + threshold), secretBytes));
      if (accepted !== undefined) return accepted;
    } catch (error) {
      cause = error;
    }
  }
  throw new ShoalError(
    "codec_failed",
    `the shares of the secret of client ${client} do not give it`,
    { client },
    { cause },
  );
}

async function pairOf(
  secret: Bytes,
  keys: AdvertisedKeys,
  fresh: KeyPair,
  { subtle, settings }: Site,
): Promise<KeyPair | undefined> {
  const pair = await importKeyPair(subtle, settings.curve, secret, new Uint8Array(keys.maskKey));
  return (await agreesWith(subtle, pair, fresh)) ? pair : undefined;
}

function keysAt(roster: Roster, client: number): AdvertisedKeys {
  const keys = roster[client];
  if (keys === undefined) throw new RangeError(`client ${client} is not in the roster`);
  return keys;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
