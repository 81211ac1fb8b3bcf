import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nativeSha256 } from "./host/native-sha256.ts";
import { portableSha256 } from "./portable-sha256.ts";
import { hexOf, sha256 } from "./sha256.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("SHA-256", () => {
  it.each([
    ["of the platform", sha256],
    ["of our own", portableSha256],
  ])("%s is that of FIPS 180-4", (_, hash) => {
    // The examples that NIST publishes with the standard, and nothing.
    expect(hexOf(hash(encode("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(hexOf(hash(encode("")))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(hexOf(hash(encode("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")))).toBe(
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
    expect(hexOf(hash(new Uint8Array(1_000_000).fill(0x61)))).toBe(
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
  });

  it("is the same from the platform and from our own code, whatever the length", () => {
    for (let length = 0; length <= 192; length += 1) {
      const content = Uint8Array.from({ length }, (_, at) => at * 7 + length);
      expect(portableSha256(content)).toEqual(nativeSha256?.(content));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (content) => {
        expect(portableSha256(content)).toEqual(nativeSha256?.(content));
      }),
    );
  });

  it("takes bytes that begin anywhere, in shared memory too", () => {
    for (const bytes of [1, 63, 64, 65, 5_000]) {
      const shared = new Uint8Array(new SharedArrayBuffer(bytes + 3), 3);
      shared.forEach((_, at) => (shared[at] = at * 7));
      expect(nativeSha256?.(shared)).toEqual(portableSha256(shared));
      expect(sha256(shared).constructor).toBe(Uint8Array);
    }
  });
});
