/** Model files: safetensors with the model's specification in the metadata, so that one file says all. */
import { ShoalError } from "@shoal/errors";
import type { ModelSpec } from "../spec/model-spec.ts";
import { layoutOf, type Segment } from "../spec/parameter-layout.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { corrupt, lengthBytes, metadataKey, readHeader, type Header } from "./header.ts";

/** What a model file says beside the tensors; all values are text. */
export type ModelMetadata = Readonly<Record<string, string>>;

export interface ModelFile {
  readonly spec: ModelSpec;
  /** [layout.size] float32, a copy. */
  readonly parameters: Float32Array;
  /** Without the specification. */
  readonly metadata: ModelMetadata;
}

/** The metadata entry that holds the specification as JSON. */
const specKey = "shoal.model";
const floatType = "F32";
const floatBytes = Float32Array.BYTES_PER_ELEMENT;
/** Tensors begin at a multiple of this, so that readers may map them. */
const alignment = 8;

/**
 * Encodes a model as safetensors; other tools find PyTorch's names and shapes in it. Borrows `parameters`.
 * @throws ShoalError layout_mismatch when `parameters` has not the layout's size; RangeError for a reserved metadata key
 */
export function encodeModelFile(spec: ModelSpec, parameters: Float32Array, metadata: ModelMetadata = {}): Uint8Array {
  const layout = layoutOf(spec);
  if (parameters.length !== layout.size) {
    const details = { expected: layout.size, found: parameters.length };
    throw new ShoalError("layout_mismatch", `${parameters.length} parameters for a model of ${layout.size}`, details);
  }
  if (Object.hasOwn(metadata, specKey)) throw new RangeError(`the metadata key ${specKey} is reserved`);
  const entries = layout.segments.map(({ name, shape, offset, length }) => [
    name,
    { dtype: floatType, shape, data_offsets: [offset * floatBytes, (offset + length) * floatBytes] },
  ]);
  const header = { [metadataKey]: { ...metadata, [specKey]: JSON.stringify(spec) }, ...Object.fromEntries(entries) };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(text.length / alignment) * alignment;
  const bytes = new Uint8Array(lengthBytes + headerLength + parameters.length * floatBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, lengthBytes + text.length, lengthBytes + headerLength);
  bytes.set(text, lengthBytes);
  // Float32Array is little-endian on every platform that Node and browsers run on, as the format asks.
  bytes.set(
    new Uint8Array(parameters.buffer, parameters.byteOffset, parameters.byteLength),
    lengthBytes + headerLength,
  );
  return bytes;
}

/** Decodes and checks a model file. Borrows `bytes`. @throws ShoalError data_corrupt, with the byte position */
export function decodeModelFile(bytes: Uint8Array): ModelFile {
  const header = readHeader(bytes);
  const { [specKey]: specText, ...metadata } = header.metadata;
  if (specText === undefined) throw corrupt(`no specification ("${specKey}") in the metadata`, lengthBytes);
  const spec = readSpec(specText);
  const layout = layoutOf(spec);
  checkCoverage(header, layout.size, bytes.length);
  const parameters = new Float32Array(layout.size);
  for (const segment of layout.segments) copyTensor(bytes, header, segment, parameters);
  if (header.tensors.size !== layout.segments.length) {
    throw corrupt(`${header.tensors.size} tensors for a model of ${layout.segments.length}`, lengthBytes);
  }
  return { spec, parameters, metadata };
}

function readSpec(text: string): ModelSpec {
  try {
    return parseModelSpec(JSON.parse(text));
  } catch (error) {
    throw corrupt(`bad specification: ${ShoalError.from(error).message}`, lengthBytes, error);
  }
}

/** The format allows neither gaps nor overlaps: the tensors cover the data exactly. */
function checkCoverage(header: Header, size: number, fileLength: number): void {
  const expected = header.dataBegin + size * floatBytes;
  if (fileLength !== expected) {
    throw corrupt(`the file has ${fileLength} bytes, its model needs ${expected}`, Math.min(fileLength, expected));
  }
  let covered = 0;
  for (const { begin, end } of [...header.tensors.values()].toSorted((left, right) => left.begin - right.begin)) {
    if (begin !== covered) throw corrupt(`tensors overlap or leave a gap`, header.dataBegin + covered);
    covered = end;
  }
}

function copyTensor(bytes: Uint8Array, header: Header, segment: Segment, into: Float32Array): void {
  const { name, shape, offset, length } = segment;
  const entry = header.tensors.get(name);
  if (entry === undefined) throw corrupt(`tensor ${name} is missing`, lengthBytes);
  const begin = header.dataBegin + entry.begin;
  const sameShape = entry.shape.length === shape.length && shape.every((size, axis) => entry.shape[axis] === size);
  if (entry.dtype !== floatType || !sameShape || entry.end - entry.begin !== length * floatBytes) {
    const found = `${entry.dtype} [${entry.shape.join(", ")}] in ${entry.end - entry.begin} bytes`;
    throw corrupt(`tensor ${name}: expected ${floatType} [${shape.join(", ")}], found ${found}`, begin);
  }
  const target = new Uint8Array(into.buffer, offset * floatBytes, length * floatBytes);
  target.set(bytes.subarray(begin, header.dataBegin + entry.end));
}
