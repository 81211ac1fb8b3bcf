/**
 * The JSON header of a safetensors file, checked.
 *
 * File = 8 bytes header length (little-endian) · header (JSON, padded with spaces) · tensors.
 * Header = { "__metadata__": { text: text }, name: { dtype, shape, data_offsets: [begin, end) in bytes of the tensors } }.
 * Source  the format section of the safetensors README (Hugging Face).
 */
import { ShoalError } from "@shoal/errors";

export interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Where the tensors begin in the file. */
  readonly dataBegin: number;
}

export const lengthBytes = 8;
/** The format's own limit. */
const headerLimit = 100_000_000;
export const metadataKey = "__metadata__";

/** @param position byte of the file at which the trouble was met */
export function corrupt(sentence: string, position: number, cause?: unknown): ShoalError {
  const options = cause === undefined ? {} : { cause };
  return new ShoalError("data_corrupt", `model file: ${sentence} (at byte ${position})`, { position }, options);
}

/** Reads and checks the header of a whole file; borrows `bytes`. @throws ShoalError data_corrupt */
export function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < lengthBytes) throw corrupt(`${bytes.length} bytes are too short for a header`, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > headerLimit || lengthBytes + Number(length) > bytes.length) {
    throw corrupt(`the header claims ${length} bytes, the file has ${bytes.length}`, 0);
  }
  const dataBegin = lengthBytes + Number(length);
  const parsed = parseJson(bytes.subarray(lengthBytes, dataBegin));
  const tensors = new Map<string, TensorEntry>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (name === metadataKey) metadata = checkMetadata(value);
    else tensors.set(name, checkEntry(name, value, bytes.length - dataBegin));
  }
  return { metadata, tensors, dataBegin };
}

function parseJson(bytes: Uint8Array): object {
  try {
    // slice: TextDecoder refuses views of shared memory in browsers.
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice()));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (error) {
    throw corrupt("the header is not JSON", lengthBytes, error);
  }
  throw corrupt("the header is not a JSON object", lengthBytes);
}

function checkMetadata(value: unknown): Readonly<Record<string, string>> {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [["", value] as const];
  const checked = entries.map(([key, text]): [string, string] => {
    if (typeof text !== "string") throw corrupt(`${metadataKey} must map text to text`, lengthBytes);
    return [key, text];
  });
  return Object.fromEntries(checked);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function checkEntry(name: string, value: unknown, dataLength: number): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = Object(value) as Record<string, unknown>;
  if (typeof dtype !== "string" || !Array.isArray(shape) || !shape.every(isCount)) {
    throw corrupt(`tensor ${name} has no proper dtype and shape`, lengthBytes);
  }
  const [begin, end]: unknown[] = Array.isArray(offsets) ? offsets : [];
  if (!isCount(begin) || !isCount(end) || begin > end || end > dataLength) {
    const found = JSON.stringify(offsets) ?? "nothing";
    throw corrupt(`tensor ${name} claims bytes ${found} of the ${dataLength} bytes of data`, lengthBytes);
  }
  return { dtype, shape, begin, end };
}
