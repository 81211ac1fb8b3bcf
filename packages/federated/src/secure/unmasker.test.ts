import { describe, expect, it } from "vitest";
import { systemRandomBytes } from "../privacy/host/system-random-bytes.ts";
import { createRandomBits } from "../privacy/random-bits.ts";
import { packBits } from "./bit-packing.ts";
import { agree, deriveKey, exportSecret, generateKeyPair, type Bytes, type KeyPair } from "./key-agreement.ts";
import { applyMasks } from "./mask-stream.ts";
import type { Roster } from "./messages.ts";
import { pointOf, seedHashOf } from "./roster.ts";
import type { CollectedShare, Unmasking } from "./server-state.ts";
import { splitSecret } from "./shamir.ts";
import { addMasked, createUnmasker } from "./unmasker.ts";

const { subtle } = globalThis.crypto;
const random = createRandomBits(systemRandomBytes);
const session = new Uint8Array(32).fill(5);
const threshold = 3;

interface Party {
  readonly pair: KeyPair;
  readonly seed: Bytes;
}

async function party(): Promise<Party> {
  const seed = new Uint8Array(32);
  systemRandomBytes(seed);
  return { pair: await generateKeyPair(subtle, "P-256"), seed };
}

/** Client 0 has masked its vector of sevens, against client 1 who has left. Shares are held by clients 2 … 2 + count. */
async function scene(count: number) {
  const [own, gone, ...others] = await Promise.all(Array.from({ length: 8 }, party));
  if (own === undefined || gone === undefined) throw new Error("nobody");
  const roster: Roster = [own, gone, ...others].map(({ pair, seed }, i) => ({
    ...{ client: `c${i}`, maskKey: pair.publicKey, sealKey: pair.publicKey, signature: new Uint8Array() },
    seedHash: seedHashOf(seed),
  }));
  const values = new Uint32Array(40).fill(7);
  const agreed = await agree(subtle, own.pair, gone.pair.publicKey);
  const masks = [
    { key: await deriveKey(subtle, own.seed, session, "self-mask"), sign: 1 },
    { key: await deriveKey(subtle, agreed, session, "pair-mask"), sign: 1 },
  ] as const;
  await applyMasks(subtle, masks, 20, 0, values);
  const sum = new Uint32Array(40);
  addMasked(sum, packBits(values, 20), 20);
  const holders = Array.from({ length: count }, (_, i) => i + 2);
  const split = (of: number, secret: Bytes): CollectedShare[] =>
    splitSecret(secret, threshold, holders.map(pointOf), random).map(({ bytes }, i) => ({
      of,
      from: holders[i] ?? 0,
      share: bytes,
    }));
  const unmasking: Unmasking = {
    threshold,
    survivors: [{ client: 0, shares: split(0, own.seed) }],
    dropped: [{ client: 1, partners: [0], shares: split(1, await exportSecret(subtle, gone.pair)) }],
  };
  return { site: { subtle, settings: { bits: 20, curve: "P-256" as const }, roster, session }, unmasking, sum };
}

/** The shares with one of them wrong in all its bytes. */
const spoilt = (shares: readonly CollectedShare[], index: number): readonly CollectedShare[] =>
  shares.map((each, i) => (i === index ? { ...each, share: each.share.map((byte) => byte ^ 85) } : each));

describe("unmasking", () => {
  it("gives the sum from as many shares as the threshold", async () => {
    const { site, unmasking, sum } = await scene(threshold);
    await (await createUnmasker(site, unmasking)).unmask(0, sum);
    expect(sum.every((value) => value === 7)).toBe(true);
  });

  it.each([0, 1, 2, 3])("gets round a wrong share, here that of place %d, where there is one more", async (place) => {
    const { site, unmasking, sum } = await scene(threshold + 1);
    const wrong: Unmasking = {
      threshold,
      survivors: unmasking.survivors.map((each) => ({ ...each, shares: spoilt(each.shares, place) })),
      dropped: unmasking.dropped.map((each) => ({ ...each, shares: spoilt(each.shares, 3 - place) })),
    };
    await (await createUnmasker(site, wrong)).unmask(0, sum);
    expect(sum.every((value) => value === 7)).toBe(true);
  });

  it("names the client whose secret the shares do not give, rather than give a wrong sum", async () => {
    const { site, unmasking } = await scene(threshold);
    const codec = (client: number) => expect.objectContaining({ code: "codec_failed", details: { client } });
    const wrongSeed = {
      ...unmasking,
      survivors: unmasking.survivors.map((each) => ({ ...each, shares: spoilt(each.shares, 1) })),
    };
    await expect(createUnmasker(site, wrongSeed)).rejects.toEqual(codec(0));
    const wrongKey = {
      ...unmasking,
      dropped: unmasking.dropped.map((each) => ({ ...each, shares: spoilt(each.shares, 1) })),
    };
    await expect(createUnmasker(site, wrongKey)).rejects.toEqual(codec(1));
    // A right secret, but of another client.
    const swapped = { ...unmasking, dropped: unmasking.dropped.map((each) => ({ ...each, client: 2 })) };
    await expect(createUnmasker(site, swapped)).rejects.toEqual(codec(2));
  });

  it("adds nothing of a vector that is too long or short", () => {
    const sum = new Uint32Array(4);
    expect(() => addMasked(sum, new Uint8Array(9), 20)).toThrowError(expect.objectContaining({ code: "codec_failed" }));
    expect([...sum]).toEqual([0, 0, 0, 0]);
  });
});
