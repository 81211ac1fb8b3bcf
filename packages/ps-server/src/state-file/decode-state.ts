/** Reads state from its bytes (form: state-layout.ts). Nothing of them is trusted before their checksum is right. */
import { crc32 } from "node:zlib";
import { decodePlainData } from "@shoal/actors";
import { ShoalError } from "@shoal/errors";
import { aligned, checksumBytes, magic, maximumHeaderBytes, preambleBytes, vectorKey } from "./state-layout.ts";

/**
 * @param bytes - the whole state; kept: the vectors are views of it
 * @returns the data, with its vectors in their places
 * @throws ShoalError snapshot_corrupt
 */
export function decodeState(bytes: Uint8Array<ArrayBuffer>): unknown {
  // Views of float32 begin at multiples of four.
  if (bytes.byteOffset % 4 !== 0) return decodeState(bytes.slice());
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodyBytes = bytes.length - checksumBytes;
  if (bodyBytes < preambleBytes || magic.some((byte, index) => bytes[index] !== byte))
    fail("it is not a state of Shoal");
  if (crc32(bytes.subarray(0, bodyBytes)) !== view.getUint32(bodyBytes, true)) fail("its checksum is wrong");
  const headerBytes = view.getUint32(magic.length, true);
  if (headerBytes > bodyBytes - preambleBytes) fail(`its header would have ${headerBytes} bytes`);
  const header = bytes.subarray(preambleBytes, preambleBytes + headerBytes);
  const places = createPlaces(bytes, aligned(preambleBytes + headerBytes), bodyBytes);
  const data = restoreVectors(readHeader(header), places);
  const expected = view.getUint32(magic.length + 4, true);
  if (places.taken !== expected) fail(`it has ${places.taken} vectors, not ${expected}`);
  if (places.end !== bodyBytes) fail(`${bodyBytes - places.end} of its bytes belong to nothing`);
  return data;
}

function readHeader(bytes: Uint8Array): unknown {
  const limits = { what: "the header of a state", maximumBytes: maximumHeaderBytes };
  try {
    return decodePlainData(bytes, limits, "refuse");
  } catch (error) {
    return fail(ShoalError.from(error).message);
  }
}

/** Vectors in the order in which they were written. */
interface Places {
  readonly taken: number;
  readonly end: number;
  take(place: number, elements: number): Float32Array;
}

function createPlaces(bytes: Uint8Array<ArrayBuffer>, begin: number, bodyBytes: number): Places {
  let taken = 0;
  let end = begin;
  return {
    get taken() {
      return taken;
    },
    get end() {
      return end;
    },
    take(place, elements) {
      if (place !== taken) fail(`vector ${place} comes where vector ${taken} is due`);
      const byteLength = elements * 4;
      if (!(Number.isSafeInteger(elements) && elements >= 0) || end + aligned(byteLength) > bodyBytes) {
        fail(`vector ${place} would have ${elements} elements`);
      }
      const vector = new Float32Array(bytes.buffer, bytes.byteOffset + end, elements);
      taken += 1;
      end += aligned(byteLength);
      return vector;
    },
  };
}

function restoreVectors(value: unknown, places: Places): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map((item) => restoreVectors(item, places));
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === vectorKey) return takeVector(first[1], places);
  return Object.fromEntries(entries.map(([key, item]) => [key, restoreVectors(item, places)]));
}

function takeVector(reference: unknown, places: Places): Float32Array {
  const [place, elements] = Array.isArray(reference) ? (reference as readonly unknown[]) : [];
  return places.take(Number(place), Number(elements));
}

function fail(sentence: string): never {
  throw new ShoalError("snapshot_corrupt", `A state cannot be read: ${sentence}.`);
}
