/**
 * Vectors that a client keeps, with what is to be known of them, as bytes.
 *
 * Not through the encoder of messages: its buffer would be up to four times as long as they are, and stays when it has grown.
 */
import { decodePlainData, encodePlainData } from "@shoal/actors/browser";

type Vectors = readonly (Uint8Array | null)[];

const limits = { what: "what a client keeps", maximumBytes: 2 ** 24, allowRefs: false };
/** Of the length of the head, before it. */
const lengthBytes = 4;

/** @param facts - plain data @param vectors - borrowed */
export function packVectors(facts: unknown, vectors: Vectors): Uint8Array {
  const head = encodePlainData([facts, vectors.map((each) => each?.length ?? null)], limits);
  const bytes = new Uint8Array(vectors.reduce((sum, each) => sum + (each?.length ?? 0), lengthBytes + head.length));
  new DataView(bytes.buffer).setUint32(0, head.length);
  let at = lengthBytes;
  for (const each of [head, ...vectors]) {
    if (each === null) continue;
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

/** @returns the facts as they were given, and views of `bytes`; undefined for what cannot be read, or of another release */
export function unpackVectors(bytes: Uint8Array | undefined): readonly [facts: unknown, vectors: Vectors] | undefined {
  if (bytes === undefined) return undefined;
  const { buffer, byteOffset, length } = bytes;
  try {
    let at = lengthBytes + new DataView(buffer, byteOffset, length).getUint32(0);
    const head = decodePlainData(bytes.subarray(lengthBytes, at), limits, "refuse");
    const [facts, lengths] = head as readonly [unknown, readonly (number | null)[]];
    const vectors = lengths.map((each) => {
      if (each === null) return null;
      at += each;
      return new Uint8Array(buffer, byteOffset + at - each, each);
    });
    return at === length ? [facts, vectors] : undefined;
  } catch {
    return undefined;
  }
}

/** @returns a copy: bytes need not be aligned where they stand */
export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}
