import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  chunksPresent,
  emptyChunkSet,
  hasChunk,
  isComplete,
  missingChunks,
  readChunkSet,
  withChunk,
} from "./chunk-set.ts";
import { contributionId } from "./contribution.ts";
import {
  bytesPresent,
  checkManifest,
  chunkCount,
  chunkRange,
  describeVector,
  isChunk,
  mostChunkBytes,
} from "./manifest.ts";

describe("a set of chunks", () => {
  it("holds what was put in, and comes back from its bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.uniqueArray(fc.nat({ max: 99 })), (count, drawn) => {
        const indexes = drawn.filter((index) => index < count);
        const set = indexes.reduce(withChunk, emptyChunkSet(count));
        const back = readChunkSet(count, set.bits);
        for (let index = 0; index < count; index += 1) expect(hasChunk(back, index)).toBe(indexes.includes(index));
        expect(chunksPresent(back)).toBe(indexes.length);
        const missing = Array.from({ length: count }, (_, index) => index).filter((index) => !indexes.includes(index));
        expect(missingChunks(back, 4)).toEqual(missing.slice(0, 4));
        expect(isComplete(back)).toBe(missing.length === 0);
      }),
    );
  });

  it("takes bytes that do not fit as nothing", () => {
    expect(chunksPresent(readChunkSet(5, Uint8Array.of(0xff)))).toBe(0);
    expect(chunksPresent(readChunkSet(5, Uint8Array.of(31, 1)))).toBe(0);
  });
});

describe("a manifest", () => {
  const content = Uint8Array.from({ length: 10 }, (_, index) => index);

  it("has the hashes of the whole and of each chunk", () => {
    const manifest = describeVector(content, 4);
    const digest = (part: Uint8Array): Buffer => createHash("sha256").update(part).digest();
    expect(Buffer.from(manifest.chunkHashes.subarray(0, 32))).toEqual(digest(content.subarray(0, 4)));
    expect(manifest.hash).toBe(digest(manifest.chunkHashes).toString("hex"));
    expect(chunkCount(manifest)).toBe(3);
    expect(chunkRange(manifest, 2)).toEqual({ begin: 8, end: 10 });
    expect(isChunk(manifest, 1, content.subarray(4, 8))).toBe(true);
    expect(isChunk(manifest, 1, content.subarray(3, 7))).toBe(false);
    expect(isChunk(manifest, 2, content.subarray(8, 9))).toBe(false);
    expect(isChunk(manifest, 3, content.subarray(0, 0))).toBe(false);
    expect(() => checkManifest(manifest)).not.toThrow();
  });

  it("says how many bytes are there, of a last chunk that is shorter too", () => {
    const present = (...indexes: readonly number[]) =>
      bytesPresent({ bytes: 10, chunkBytes: 4 }, indexes.reduce(withChunk, emptyChunkSet(3)));
    expect([present(), present(1), present(2), present(0, 2), present(0, 1, 2)]).toEqual([0, 4, 2, 6, 10]);
    expect(bytesPresent({ bytes: 8, chunkBytes: 4 }, withChunk(emptyChunkSet(2), 1))).toBe(4);
    expect(bytesPresent({ bytes: 0, chunkBytes: 4 }, emptyChunkSet(0))).toBe(0);
  });

  it("is refused where it contradicts itself", () => {
    const manifest = describeVector(content, 4);
    expect(() => checkManifest({ ...manifest, hash: "no" })).toThrow("not a SHA-256");
    expect(() => checkManifest({ ...manifest, bytes: 2 ** 33 })).toThrow("payload_too_large");
    expect(() => checkManifest({ ...manifest, chunkBytes: mostChunkBytes + 1 })).toThrow("a chunk has");
    expect(() => checkManifest({ ...manifest, bytes: 20 })).toThrow("96 bytes of hashes, expected 160");
  });

  it("names contributions by client, task and round, and confuses none", () => {
    expect(contributionId("a", "bc", 1)).toMatch(/^[0-9a-f]{32}$/);
    expect(contributionId("a", "bc", 1)).not.toBe(contributionId("ab", "c", 1));
    expect(contributionId("a", "b", 11)).not.toBe(contributionId("a", "b1", 1));
  });
});
