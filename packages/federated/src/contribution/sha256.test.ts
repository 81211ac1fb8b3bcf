import { sha256 as portableSha256 } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";
import { nativeSha256 } from "./host/native-sha256.ts";
import { hexOf, sha256 } from "./sha256.ts";

describe("SHA-256", () => {
  it("is that of FIPS 180-4", () => {
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
    expect(hexOf(sha256(encode("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(hexOf(sha256(encode("")))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it("is the same from the platform and from our own code, in shared memory too", () => {
    for (const bytes of [1, 63, 64, 65, 5_000]) {
      const shared = new Uint8Array(new SharedArrayBuffer(bytes + 3), 3);
      shared.forEach((_, at) => (shared[at] = at * 7));
      expect(nativeSha256?.(shared)).toEqual(portableSha256(shared));
      expect(sha256(shared).constructor).toBe(Uint8Array);
    }
  });
});
