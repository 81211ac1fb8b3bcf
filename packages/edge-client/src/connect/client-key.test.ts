import { nkeys } from "@nats-io/nats-core";
import { describe, expect, it } from "vitest";
import { createClientKey, openClientKey } from "./client-key.ts";
import { openSigningKey } from "./signing-key.ts";

const utf8 = new TextEncoder();
const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** RFC 8032, section 7.1, tests 1 to 3: secret, public key, message, signature. */
const published = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const;

/** What a browser that does not know Ed25519 says. */
const withoutEd25519 = {
  importKey: () => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError")),
} as unknown as SubtleCrypto;

describe("a client's key", () => {
  it("is one that NATS can read, and signs as its library does", async () => {
    for (let count = 0; count < 5; count += 1) {
      const seed = createClientKey();
      const theirs = nkeys.fromSeed(utf8.encode(seed));
      const ours = await openClientKey(seed);
      expect(ours.publicKey).toBe(theirs.getPublicKey());
      expect(ours.publicKey).toMatch(/^U[A-Z2-7]{55}$/);
      expect(await ours.sign("a nonce")).toBe(nkeys.encode(theirs.sign(utf8.encode("a nonce"))));
    }
  });

  it("may come from the library of NATS", async () => {
    const theirs = nkeys.createUser();
    const seed = new TextDecoder().decode(theirs.getSeed());
    expect((await openClientKey(seed)).publicKey).toBe(theirs.getPublicKey());
  });

  it("is refused, and not shown, where a letter is wrong or it is another kind of key", async () => {
    const seed = createClientKey();
    const other = seed.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
    const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    const keys = [
      other,
      "",
      "SU",
      seed.slice(1),
      `${seed}A`,
      seed.toLowerCase(),
      decode(nkeys.createAccount().getSeed()),
    ];
    for (const wrong of [...keys, nkeys.createUser().getPublicKey(), "ü".repeat(58)]) {
      const refused = await openClientKey(wrong).catch((error: unknown) => error as Error);
      expect(refused).toMatchObject({ code: "invalid_argument" });
      if (wrong.length > 2) expect(String((refused as Error).message)).not.toContain(wrong);
    }
  });
});

describe.each([
  ["the platform's Ed25519", globalThis.crypto.subtle],
  ["that of a browser without it", withoutEd25519],
])("a signing key by %s", (_, subtle) => {
  it.each(published)("signs as published: %s", async (secret, publicKey, message, signature) => {
    const key = await openSigningKey(bytesOf(secret), subtle);
    expect(hexOf(key.publicBytes)).toBe(publicKey);
    expect(hexOf(await key.sign(bytesOf(message)))).toBe(signature);
  });
});
