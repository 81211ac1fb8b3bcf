import { createECDH } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { systemRandomBytes } from "../privacy/host/system-random-bytes.ts";
import { createRandomBits } from "../privacy/random-bits.ts";
import { systemSubtle } from "./host/system-subtle.ts";
import { packBits, packedBytes, unpackBits } from "./bit-packing.ts";
import {
  agree,
  isPublicKey,
  agreesWith,
  deriveKey,
  exportSecret,
  generateKeyPair,
  hasCurve,
  importKeyPair,
  type Bytes,
} from "./key-agreement.ts";
import { add, applyMasks, maskWords } from "./mask-stream.ts";
import { compressPoint, expandPoint } from "./p256-point.ts";
import { openShares, sealedBytes, sealShares } from "./sealed-share.ts";
import { sessionIdOf } from "./session-id.ts";
import { joinShares, shareBytes, splitSecret } from "./shamir.ts";

const { subtle } = globalThis.crypto;
const random = createRandomBits(systemRandomBytes);
const bytesOf = (hex: string): Bytes => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const refusal = expect.objectContaining({ code: "codec_failed" });

describe("secret sharing", () => {
  const known = [
    [112, 207, 118, 46, 110, 212, 170, 28],
    [48, 160, 197, 172, 38, 235, 145, 204],
    [63, 115, 238, 144, 40, 68, 183, 71],
    [29, 72, 240, 207, 114, 224, 26, 141],
    [74, 31, 204, 116, 6, 189, 187, 136],
  ].map((bytes, i) => ({ point: i + 1, bytes: Uint8Array.from(bytes) }));

  it("joins any three of five known shares to the known secret", () => {
    for (const some of fc.sample(fc.shuffledSubarray(known, { minLength: 3, maxLength: 5 }), 50)) {
      expect([...joinShares(some, 4)]).toEqual([0, 0, 0, 33]);
    }
  });

  it("gives back any secret from any threshold of shares, and not from fewer", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 2, max: 8 }),
        fc.gen(),
        (secret, threshold, gen) => {
          const points = Array.from({ length: 8 }, (_, i) => 37 * i + 1);
          const shares = splitSecret(secret, threshold, points, random);
          expect(shares.every(({ bytes }) => bytes.length === 36)).toBe(true);
          const some = gen(() => fc.shuffledSubarray([...shares], { minLength: threshold }));
          expect([...joinShares(some, 32)]).toEqual([...secret]);
        },
      ),
    );
    const secret = new Uint8Array(32).fill(7);
    const shares = splitSecret(secret, 5, [1, 2, 3, 4, 5, 6], random).slice(0, 4);
    // Nine limbs that are right by chance: 2^-279.
    let joined: number[] = [];
    try {
      joined = [...joinShares(shares, 32)];
    } catch (error) {
      expect(error).toEqual(refusal);
    }
    expect(joined).not.toEqual([...secret]);
  });

  it("refuses shares that are none", () => {
    const [first, second] = known;
    if (first === undefined || second === undefined) throw new Error("no shares");
    expect(() => joinShares([first, first], 4)).toThrowError(refusal);
    expect(() => joinShares([first, { ...second, bytes: second.bytes.slice(1) }], 4)).toThrowError(refusal);
    expect(() => joinShares([first, { ...second, point: 0 }], 4)).toThrowError(refusal);
    expect(() => splitSecret(new Uint8Array(32), 3, [1, 2], random)).toThrow(RangeError);
    expect(() => splitSecret(new Uint8Array(32), 2, [1, 1], random)).toThrow(RangeError);
    expect(shareBytes(32)).toBe(36);
  });
});

describe("keys", () => {
  it("agree on the known values", async () => {
    const agreed = async (secret: string, publicKey: string): Promise<string> => {
      const node = createECDH("prime256v1");
      node.setPrivateKey(secret, "hex");
      const own = Uint8Array.from(node.getPublicKey(null, "compressed"));
      return hexOf(await agree(subtle, await importKeyPair(subtle, "P-256", bytesOf(secret), own), bytesOf(publicKey)));
    };
    expect(
      await agreed(
        "068dccdd9653761a6d73ed8386b07657b2392ceabe1cadef8ec6c1eed540c198",
        "0353d37a6fb52eb333669414aec32cc3b9722cb35ce8bd8ef209eb010ce18339ed",
      ),
    ).toBe("5e0e48b9e3182385ab4ea4131688e2c86b9770ed68d02c25913afd3222339e2f");
    expect(
      await agreed(
        "56a2664c44a861a8cd42934ef17ce73adb205526675caad82750ef8fa5f8646f",
        "0233cb6e0505bcb506791368d514a8194ccb472f4e12ea98a7a22fe405cdc2e1c1",
      ),
    ).toBe("38836bff10beb1974f3edfeb6688ecde470ca88fd60b942df45cfa6552443b30");
  });

  it("expand compressed points as OpenSSL does", () => {
    for (let i = 0; i < 10; i++) {
      const node = createECDH("prime256v1");
      const point = Uint8Array.from(node.generateKeys());
      const compressed = compressPoint(point);
      expect(hexOf(compressed)).toBe(node.getPublicKey("hex", "compressed"));
      expect(hexOf(expandPoint(compressed))).toBe(hexOf(point));
    }
    expect(
      hexOf(compressPoint(expandPoint(bytesOf("025e8d950e6d57a49979195a54873bc12e52c35f72ae313d6e68d282785ac94c83")))),
    ).toBe("025e8d950e6d57a49979195a54873bc12e52c35f72ae313d6e68d282785ac94c83");
  });

  it("refuse what is no point of the curve", () => {
    // x = 5 has none; x = p is beyond the field.
    const five = `02${"0".repeat(63)}5`;
    const p = "02ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    const known = ["03", "04", "00"].map((sign) => `${sign}${"f".repeat(64)}`);
    expect(() => expandPoint(bytesOf(p))).toThrowError(refusal);
    for (const hex of [...known, "02"]) expect(() => expandPoint(bytesOf(hex))).toThrowError(refusal);
    let refused = 0;
    for (let x = 1; x <= 40; x++) {
      try {
        expandPoint(bytesOf(five.slice(0, -2) + x.toString(16).padStart(2, "0")));
      } catch (error) {
        expect(error).toEqual(refusal);
        refused++;
      }
    }
    // About half of all x have no point.
    expect(refused).toBeGreaterThan(5);
    expect(refused).toBeLessThan(35);
  });

  it.each(["P-256", "X25519"] as const)(
    "of %s survive being taken out as 32 bytes, and show a wrong secret",
    async (curve) => {
      const [own, other] = await Promise.all([generateKeyPair(subtle, curve), generateKeyPair(subtle, curve)]);
      const secret = await exportSecret(subtle, own);
      expect(secret).toHaveLength(32);
      const again = await importKeyPair(subtle, curve, secret, own.publicKey);
      const agreed = hexOf(await agree(subtle, own, other.publicKey));
      expect(hexOf(await agree(subtle, again, other.publicKey))).toBe(agreed);
      expect(hexOf(await agree(subtle, other, own.publicKey))).toBe(agreed);
      expect(await agreesWith(subtle, again, other)).toBe(true);
      const wrong = await importKeyPair(subtle, curve, await exportSecret(subtle, other), own.publicKey).catch(
        () => undefined,
      );
      if (wrong !== undefined) {
        const fresh = await generateKeyPair(subtle, curve);
        expect(await agreesWith(subtle, wrong, fresh)).toBe(false);
      }
      await expect(agree(subtle, own, new Uint8Array(5))).rejects.toEqual(refusal);
    },
  );

  it("have the known id together", () => {
    const keys = [
      "0259aeda63828cf79c460cf84d3bc1507d089029b786432aab66f3fd5ab2c08c28",
      "026d03439c8f221f157bec7ee5479bbf7e92901e546b6cdc43a14c6eae13cd6b5d",
      "0213cbb7d98919da666e381d5178a18f024be522b0ff3a997e92a62c9a3f186d1a",
      "0384a3d65b49bbd6c1deac58c0da81dcf913e91112d3f99c60c1ea70a90b528f49",
    ].map(bytesOf);
    expect(hexOf(sessionIdOf(keys))).toBe("78af6ed21e6fc5e7fd23a3199fcc504fadb41ba6533555a1e4e86114f23e8e72");
  });
});

describe("the platform", () => {
  it("has both curves here", async () => {
    expect(systemSubtle()).toBe(subtle);
    expect(await hasCurve(subtle, "P-256")).toBe(true);
    expect(await hasCurve(subtle, "X25519")).toBe(true);
  });

  it("says what a page from plain http lacks", () => {
    vi.stubGlobal("crypto", { getRandomValues: () => undefined });
    expect(() => systemSubtle()).toThrowError(expect.objectContaining({ code: "missing_tool" }));
    vi.unstubAllGlobals();
  });

  it("shows a curve that it lacks", async () => {
    const without = { generateKey: () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError")) };
    expect(await hasCurve(without as unknown as SubtleCrypto, "X25519")).toBe(false);
  });
});

describe("masks", () => {
  const key = (): Promise<CryptoKey> =>
    subtle.importKey("raw", new Uint8Array(32).fill(0x31), "AES-CTR", false, ["encrypt"]);

  it("are the known stream of AES-256-CTR", async () => {
    const words = await maskWords(subtle, await key(), 32, 0, 8);
    expect(hexOf(new Uint8Array(words.buffer))).toBe(
      "b08ecf9ec7eb5f0d7b78c42556d668ac0ede721a5818fe812d565cbdb5f11f4e",
    );
  });

  it.each([5, 8, 11, 16, 20, 32])("of %d bits are the same by chunks as at once, and cancel", async (bits) => {
    const stream = await key();
    const [whole, parts] = [new Uint32Array(1000), new Uint32Array(1000)];
    await applyMasks(subtle, [{ key: stream, sign: 1 }], bits, 0, whole);
    for (let begin = 0; begin < 1000; begin += 112) {
      await applyMasks(subtle, [{ key: stream, sign: 1 }], bits, begin, parts.subarray(begin, begin + 112));
    }
    expect(parts).toEqual(whole);
    expect(whole.every((value) => value < 2 ** bits)).toBe(true);
    // No word of a thousand that has a bit set in its upper half: 2^-1000.
    expect(whole.some((value) => value >= 2 ** (bits - 1))).toBe(true);
    await applyMasks(subtle, [{ key: stream, sign: -1 }], bits, 0, whole);
    expect(whole.every((value) => value === 0)).toBe(true);
  });

  it("differ by session and purpose", async () => {
    const secret = new Uint8Array(32).fill(1);
    const [one, two] = [new Uint8Array(32), new Uint8Array(32).fill(1)];
    const streams = await Promise.all(
      (
        [
          [one, "pair-mask"],
          [one, "self-mask"],
          [two, "pair-mask"],
        ] as const
      ).map(async ([session, purpose]) =>
        String(await maskWords(subtle, await deriveKey(subtle, secret, session, purpose), 32, 0, 4)),
      ),
    );
    expect(new Set(streams).size).toBe(3);
  });

  it("begin at the border of a block", async () => {
    await expect(maskWords(subtle, await key(), 32, 8, 4)).rejects.toThrow(RangeError);
  });
});

describe("a public key", () => {
  it.each(["P-256", "X25519"] as const)("of %s is one that others can agree on something with", async (curve) => {
    const fresh = await generateKeyPair(subtle, curve);
    expect(isPublicKey(curve, fresh.publicKey)).toBe(true);
    const little = (u: bigint): Uint8Array<ArrayBuffer> =>
      Uint8Array.from({ length: 32 }, (_, i) => Number((u >> BigInt(8 * i)) & 255n));
    const p = 2n ** 255n - 19n;
    const eighth = 0xb8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n;
    const other = 0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn;
    const none =
      curve === "P-256"
        ? [new Uint8Array(33), Uint8Array.of(2, ...new Uint8Array(32).fill(255)), new Uint8Array(32).fill(3)]
        : [0n, 1n, p - 1n, p, p + 1n, eighth, other, eighth + 2n ** 255n].map(little);
    for (const key of none) {
      expect(isPublicKey(curve, key)).toBe(false);
      await expect(agree(subtle, fresh, key)).rejects.toThrow();
    }
  });
});

describe("packed integers", () => {
  it("come back, whatever their width", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }),
        fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 70 }),
        (bits, numbers) => {
          const values = Uint32Array.from(numbers, (value) => value % 2 ** bits);
          const packed = packBits(values, bits);
          expect(packed).toHaveLength(packedBytes(values.length, bits));
          const back = new Uint32Array(values.length);
          unpackBits(packed, bits, back);
          expect(back).toEqual(values);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("stand where 8, 16 and 32 bits stand", () => {
    expect([...packBits(Uint32Array.of(1, 0x1ff), 8)]).toEqual([1, 255]);
    expect([...packBits(Uint32Array.of(1, 0x1_0203), 16)]).toEqual([1, 0, 3, 2]);
    expect([...packBits(Uint32Array.of(5, 7), 3)]).toEqual([0b111101]);
  });

  it("are refused with another length, and with bits behind them", () => {
    const into = new Uint32Array(2);
    for (const bytes of [Uint8Array.of(), Uint8Array.of(1, 2), Uint8Array.of(0b1011_1101)]) {
      expect(() => unpackBits(bytes, 3, into)).toThrowError(refusal);
    }
  });

  it("add modulo 2^32", () => {
    const sum = Uint32Array.of(0xffff_ffff, 2);
    add(sum, Uint32Array.of(3, 5));
    expect([...sum]).toEqual([2, 7]);
  });
});

describe("sealed shares", () => {
  it("open for whom they are for, and for nobody else", async () => {
    const ports = { subtle, randomBytes: systemRandomBytes };
    const key = await deriveKey(subtle, new Uint8Array(32), new Uint8Array(32), "seal");
    const shares = { maskKey: new Uint8Array(36).fill(1), seed: new Uint8Array(36).fill(2) };
    const sealed = await sealShares(ports, key, [3, 8], shares);
    expect(sealed).toHaveLength(sealedBytes);
    expect(await openShares(subtle, key, [3, 8], sealed)).toEqual(shares);
    await expect(openShares(subtle, key, [8, 3], sealed)).rejects.toEqual(refusal);
    await expect(openShares(subtle, key, [3, 8], sealed.slice(1))).rejects.toEqual(refusal);
    sealed[40] = (sealed[40] ?? 0) ^ 1;
    await expect(openShares(subtle, key, [3, 8], sealed)).rejects.toEqual(refusal);
    const other = await deriveKey(subtle, new Uint8Array(32), new Uint8Array(32).fill(1), "seal");
    await expect(openShares(subtle, other, [3, 8], sealed)).rejects.toEqual(refusal);
  });
});
