/** Writes state as bytes, part by part, without a second copy of its vectors (form: state-layout.ts). */
import { crc32 } from "node:zlib";
import { encodePlainData } from "@shoal/actors";
import { aligned, checksumBytes, magic, maximumHeaderBytes, preambleBytes, vectorKey } from "./state-layout.ts";

export interface EncodedState {
  readonly totalBytes: number;
  /** Bytes that `next` has given since the last `rewind`. */
  readonly position: number;
  /** The next bytes, at most so many, in memory of their own; undefined after the last. */
  next(maximumBytes: number): Uint8Array<ArrayBuffer> | undefined;
  /** Begins from the front again. */
  rewind(): void;
}

/**
 * @param state - plain data with `Float32Array`s anywhere in it; kept, and not to be changed while it is read
 * @throws ShoalError codec_failed - it holds something else that is not plain data
 */
export function encodeState(state: unknown): EncodedState {
  const vectors: Float32Array[] = [];
  const data = replaceVectors(state, vectors);
  const limits = { what: "the header of a state", maximumBytes: maximumHeaderBytes, allowRefs: false };
  const pieces = [headerOf(encodePlainData(data, limits), vectors.length)];
  for (const { buffer, byteOffset, byteLength } of vectors) {
    pieces.push(new Uint8Array(buffer, byteOffset, byteLength), new Uint8Array(aligned(byteLength) - byteLength));
  }
  const bodyBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const totalBytes = bodyBytes + checksumBytes;
  const read = createReader(pieces);
  let position = 0;
  let checksum = 0;
  return {
    totalBytes,
    get position() {
      return position;
    },
    next(maximumBytes) {
      if (position >= totalBytes) return undefined;
      const body = Math.min(maximumBytes, bodyBytes - position);
      // The checksum is not torn apart: it comes alone where it does not fit behind the last bytes.
      const isLast = position + body === bodyBytes && body + checksumBytes <= Math.max(maximumBytes, checksumBytes);
      const bytes = new Uint8Array(body + (isLast ? checksumBytes : 0));
      read(bytes.subarray(0, body));
      checksum = crc32(bytes.subarray(0, body), checksum);
      if (isLast) new DataView(bytes.buffer).setUint32(body, checksum, true);
      position += bytes.length;
      return bytes;
    },
    rewind() {
      read.rewind();
      [position, checksum] = [0, 0];
    },
  };
}

/** A copy of the data in which numbers of places stand for the vectors. */
function replaceVectors(value: unknown, vectors: Float32Array[]): unknown {
  if (value instanceof Float32Array) {
    vectors.push(value);
    return { [vectorKey]: [vectors.length - 1, value.length] };
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map((item) => replaceVectors(item, vectors));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceVectors(item, vectors)]));
}

function headerOf(header: Uint8Array, vectors: number): Uint8Array {
  const bytes = new Uint8Array(aligned(preambleBytes + header.length));
  bytes.set(magic);
  const view = new DataView(bytes.buffer);
  view.setUint32(magic.length, header.length, true);
  view.setUint32(magic.length + 4, vectors, true);
  bytes.set(header, preambleBytes);
  return bytes;
}

interface Reader {
  (into: Uint8Array): void;
  rewind(): void;
}

/** Reads pieces one after the other as if they were one. */
function createReader(pieces: readonly Uint8Array[]): Reader {
  let piece = 0;
  let within = 0;
  const read = (into: Uint8Array): void => {
    let filled = 0;
    for (let source = pieces[piece]; filled < into.length && source !== undefined; source = pieces[piece]) {
      const taken = source.subarray(within, within + into.length - filled);
      into.set(taken, filled);
      filled += taken.length;
      within += taken.length;
      if (within === source.length) [piece, within] = [piece + 1, 0];
    }
  };
  const rewind = (): void => {
    [piece, within] = [0, 0];
  };
  return Object.assign(read, { rewind });
}
