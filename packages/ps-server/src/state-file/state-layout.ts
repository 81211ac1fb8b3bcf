/**
 * The binary form of state: plain data that holds vectors, such as a shard's snapshot. It goes to replicas in parts and
 * into snapshot files as it is.
 *
 *   8 bytes   "shoalst1"
 *   4 bytes   length of the header, little-endian, as all numbers
 *   4 bytes   how many vectors follow
 *   header    the data as MessagePack; a vector stands in it as { "$vector": [place, elements] }
 *   vectors   raw float32, in the order of their places; the header and each of them are filled up to 64 bytes
 *   4 bytes   CRC-32 of all before
 */

export const magic: Uint8Array = new TextEncoder().encode("shoalst1");

/** Magic, header length, number of vectors. */
export const preambleBytes = 16;
export const checksumBytes = 4;
/** What the header and each vector are filled up to: views of vectors are aligned. */
export const alignment = 64;
/** Bytes of a header: what a shard remembers of its workers and batches, without vectors. */
export const maximumHeaderBytes: number = 256 * 2 ** 20;
/** Key of the object that stands for a vector in the header. */
export const vectorKey = "$vector";

export function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
