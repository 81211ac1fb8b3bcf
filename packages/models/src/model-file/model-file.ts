/** Model files: safetensors with the model's specification in the metadata, so that one file says all. */
import { ShoalError } from "@shoal/errors";
import type { ModelSpec } from "../spec/model-spec.ts";
import { layoutOf, type Segment } from "../spec/parameter-layout.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { elementTypeOf, readElements, writeElements, type ElementType } from "./element-types.ts";
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
/** Tensors begin at a multiple of this, so that readers may map them. */
const alignment = 8;

/** How the numbers of a file are stored; float32 is exact. */
export type FilePrecision = "float32" | "float16" | "bfloat16";

const dtypes: Readonly<Record<FilePrecision, string>> = { float32: "F32", float16: "F16", bfloat16: "BF16" };

/**
 * Encodes a model as safetensors; other tools find PyTorch's names and shapes in it. Borrows `parameters`.
 * @throws ShoalError layout_mismatch when `parameters` has not the layout's size; RangeError for a reserved metadata key
 */
export function encodeModelFile(
  spec: ModelSpec,
  parameters: Float32Array,
  metadata: ModelMetadata = {},
  precision: FilePrecision = "float32",
): Uint8Array {
  const layout = layoutOf(spec);
  if (parameters.length !== layout.size) {
    const details = { expected: layout.size, found: parameters.length };
    throw new ShoalError("layout_mismatch", `${parameters.length} parameters for a model of ${layout.size}`, details);
  }
  if (Object.hasOwn(metadata, specKey)) throw new RangeError(`the metadata key ${specKey} is reserved`);
  const dtype = dtypes[precision];
  const type = typeOf(dtype);
  const entries = layout.segments.map(({ name, shape, offset, length }) => [
    name,
    { dtype, shape, data_offsets: [offset * type.bytes, (offset + length) * type.bytes] },
  ]);
  const header = { [metadataKey]: { ...metadata, [specKey]: JSON.stringify(spec) }, ...Object.fromEntries(entries) };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(text.length / alignment) * alignment;
  const bytes = new Uint8Array(lengthBytes + headerLength + parameters.length * type.bytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, lengthBytes + text.length, lengthBytes + headerLength);
  bytes.set(text, lengthBytes);
  writeElements(type, parameters, bytes, lengthBytes + headerLength);
  return bytes;
}

function typeOf(dtype: string): ElementType {
  const type = elementTypeOf(dtype);
  if (type === undefined) throw new RangeError(`no element type ${dtype}`);
  return type;
}

/** Decodes and checks a model file. Borrows `bytes`. @throws ShoalError data_corrupt, with the byte position */
export function decodeModelFile(bytes: Uint8Array): ModelFile {
  const header = readHeader(bytes);
  const { [specKey]: specText, ...metadata } = header.metadata;
  if (specText === undefined) throw corrupt(`no specification ("${specKey}") in the metadata`, lengthBytes);
  const spec = readSpec(specText);
  const layout = layoutOf(spec);
  checkCoverage(header, bytes.length);
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
function checkCoverage(header: Header, fileLength: number): void {
  let covered = 0;
  for (const { begin, end } of [...header.tensors.values()].toSorted((left, right) => left.begin - right.begin)) {
    if (begin !== covered) throw corrupt(`tensors overlap or leave a gap`, header.dataBegin + covered);
    covered = end;
  }
  const expected = header.dataBegin + covered;
  if (fileLength !== expected) {
    throw corrupt(`the file has ${fileLength} bytes, its tensors need ${expected}`, Math.min(fileLength, expected));
  }
}

function copyTensor(bytes: Uint8Array, header: Header, segment: Segment, into: Float32Array): void {
  const { name, shape, offset, length } = segment;
  const entry = header.tensors.get(name);
  if (entry === undefined) throw corrupt(`tensor ${name} is missing`, lengthBytes);
  const begin = header.dataBegin + entry.begin;
  const type = elementTypeOf(entry.dtype);
  const sameShape = entry.shape.length === shape.length && shape.every((size, axis) => entry.shape[axis] === size);
  if (type === undefined || !sameShape || entry.end - entry.begin !== length * type.bytes) {
    const expected = `${type === undefined ? "F32" : entry.dtype} [${shape.join(", ")}]`;
    const found = `${entry.dtype} [${entry.shape.join(", ")}] in ${entry.end - entry.begin} bytes`;
    throw corrupt(`tensor ${name}: expected ${expected}, found ${found}`, begin);
  }
  readElements(type, bytes, begin, into.subarray(offset, offset + length));
}
