/** The element types of tensors in a file that can be read as float32. All are little-endian. */
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from "./half-floats.ts";

export interface ElementType {
  readonly bytes: number;
  read(view: DataView, position: number): number;
  write(view: DataView, position: number, value: number): void;
}

const float32: ElementType = {
  bytes: 4,
  read: (view, position) => view.getFloat32(position, true),
  write: (view, position, value) => view.setFloat32(position, value, true),
};

const elementTypes: Readonly<Record<string, ElementType>> = {
  F32: float32,
  F16: {
    bytes: 2,
    read: (view, position) => float16Value(view.getUint16(position, true)),
    write: (view, position, value) => view.setUint16(position, float16Bits(value), true),
  },
  BF16: {
    bytes: 2,
    read: (view, position) => bfloat16Value(view.getUint16(position, true)),
    write: (view, position, value) => view.setUint16(position, bfloat16Bits(value), true),
  },
  F64: {
    bytes: 8,
    read: (view, position) => view.getFloat64(position, true),
    write: (view, position, value) => view.setFloat64(position, value, true),
  },
};

/** @param dtype the format's own name @returns undefined for types that hold no real numbers */
export function elementTypeOf(dtype: string): ElementType | undefined {
  return Object.hasOwn(elementTypes, dtype) ? elementTypes[dtype] : undefined;
}

/** Reads `into.length` elements from `position` of the file. Borrows `bytes`. */
export function readElements(type: ElementType, bytes: Uint8Array, position: number, into: Float32Array): void {
  if (type === float32) {
    // As they are: a Float32Array is little-endian on every platform that Node and browsers run on.
    asBytes(into).set(bytes.subarray(position, position + into.byteLength));
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < into.length; index += 1) into[index] = type.read(view, position + index * type.bytes);
}

/** Writes all of `values` from `position` of the file. */
export function writeElements(type: ElementType, values: Float32Array, bytes: Uint8Array, position: number): void {
  if (type === float32) {
    bytes.set(asBytes(values), position);
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [index, value] of values.entries()) type.write(view, position + index * type.bytes, value);
}

function asBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
