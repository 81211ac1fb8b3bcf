/**
 * What a vector is that travels in chunks: a contribution on its way up, or a version of the parameters on its way down.
 *
 * A model never fits one message (a nats-server takes 1 MiB at most, and browsers resume uploads at chunks): whoever sends
 * announces the manifest, then chunks in any order, each with its own hash.
 */
import { ShoalError } from "@shoal/errors";
import { chunksPresent, hasChunk, type ChunkSet } from "./chunk-set.ts";
import { digestBytes, hexOf, sha256 } from "./sha256.ts";

/** Largest chunk; with its envelope it stays below a quarter of what a nats-server takes. */
export const mostChunkBytes: number = 256 * 1024;
export const defaultChunkBytes: number = 128 * 1024;
/**
 * What is no longer than this, in one chunk, travels with the message that announces it: a round of a small model takes two
 * requests. Small enough to be sent in vain.
 */
export const mostBytesAtOnce: number = 64 * 1024;
/** Most bytes of a vector: 4 GiB, what a WebAssembly memory can hold. */
const mostBytes = 2 ** 32;

export interface VectorManifest {
  /** Names the content: SHA-256 of `chunkHashes`, hexadecimal. */
  readonly hash: string;
  readonly bytes: number;
  /** All chunks but the last have this many. */
  readonly chunkBytes: number;
  /** [chunks · 32] SHA-256 of each. */
  readonly chunkHashes: Uint8Array;
}

/** A vector of one chunk, and the chunk. */
export interface WholeVector {
  readonly manifest: VectorManifest;
  readonly content: Uint8Array;
}

/** Whether it travels with its announcement. */
export function isSentAtOnce(manifest: VectorManifest): boolean {
  return chunkCount(manifest) === 1 && manifest.bytes <= mostBytesAtOnce;
}

/** Hashes `content` in chunks. Borrows it. */
export function describeVector(content: Uint8Array, chunkBytes: number = defaultChunkBytes): VectorManifest {
  const cut = { bytes: content.length, chunkBytes };
  const chunkHashes = new Uint8Array(chunkCount(cut) * digestBytes);
  for (let index = 0; index < chunkCount(cut); index += 1) {
    const { begin, end } = chunkRange(cut, index);
    chunkHashes.set(sha256(content.subarray(begin, end)), index * digestBytes);
  }
  return { hash: hexOf(sha256(chunkHashes)), ...cut, chunkHashes };
}

/** An empty vector has no chunks. */
export function chunkCount({ bytes, chunkBytes }: Pick<VectorManifest, "bytes" | "chunkBytes">): number {
  return Math.ceil(bytes / chunkBytes);
}

/** @returns where chunk `index` begins and ends, in bytes */
export function chunkRange(
  { bytes, chunkBytes }: Pick<VectorManifest, "bytes" | "chunkBytes">,
  index: number,
): { readonly begin: number; readonly end: number } {
  const begin = index * chunkBytes;
  return { begin, end: Math.min(begin + chunkBytes, bytes) };
}

/** Bytes of the chunks that are there. */
export function bytesPresent(cut: Pick<VectorManifest, "bytes" | "chunkBytes">, present: ChunkSet): number {
  const last = chunkCount(cut) - 1;
  if (last < 0) return 0;
  const { begin, end } = chunkRange(cut, last);
  const missingOfLast = hasChunk(present, last) ? cut.chunkBytes - (end - begin) : 0;
  return chunksPresent(present) * cut.chunkBytes - missingOfLast;
}

/** Whether these bytes are chunk `index`. Borrows them. */
export function isChunk(manifest: VectorManifest, index: number, content: Uint8Array): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= chunkCount(manifest)) return false;
  const { begin, end } = chunkRange(manifest, index);
  if (content.length !== end - begin) return false;
  const expected = manifest.chunkHashes.subarray(index * digestBytes, (index + 1) * digestBytes);
  const found = sha256(content);
  return found.every((byte, position) => byte === expected[position]);
}

/** What came over the wire makes sense. @throws ShoalError invalid_argument, payload_too_large */
export function checkManifest(manifest: VectorManifest): void {
  const { hash, bytes, chunkBytes, chunkHashes } = manifest;
  if (!/^[0-9a-f]{64}$/.test(hash))
    throw new ShoalError("invalid_argument", "the hash is not a SHA-256 in hexadecimal");
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > mostBytes) {
    throw new ShoalError("payload_too_large", `a vector has 0 to ${mostBytes} bytes, not ${bytes}`);
  }
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1 || chunkBytes > mostChunkBytes) {
    throw new ShoalError("invalid_argument", `a chunk has 1 to ${mostChunkBytes} bytes, not ${chunkBytes}`);
  }
  const expected = chunkCount(manifest) * digestBytes;
  if (chunkHashes.length !== expected) {
    throw new ShoalError("invalid_argument", `${chunkHashes.length} bytes of hashes, expected ${expected}`);
  }
  if (hexOf(sha256(chunkHashes)) !== hash)
    throw new ShoalError("invalid_argument", "the hash is not that of its chunks");
}
