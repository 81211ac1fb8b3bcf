/**
 * The IDX format of MNIST: two zero bytes, the element type, the number of dimensions, each dimension as a big-endian
 * 32-bit integer, then the elements. Only unsigned bytes occur in data sets of this kind.
 */
import { ShoalError } from "@shoal/errors";
import type { Column, DenseColumn } from "./column.ts";
import { onlyInput, onlyTarget, type Split } from "./dataset.ts";
import { sharedBuffer } from "./shared-buffer.ts";

export interface IdxShape {
  /** The first is the number of samples. */
  readonly dimensions: readonly number[];
  readonly file: string;
}

export interface IdxArray extends IdxShape {
  /** View of the file's bytes. */
  readonly data: Uint8Array;
}

export interface IdxHeader extends IdxShape {
  /** First byte of the elements. */
  readonly begin: number;
  /** Elements that are promised. */
  readonly length: number;
}

const unsignedByte = 0x08;
const prefixBytes = 4;
const dimensionBytes = 4;
const dimensionLimit = 8;

function corrupt(file: string, position: number, sentence: string): ShoalError {
  return new ShoalError("data_corrupt", `${file}: ${sentence} (at byte ${position})`, { file, position });
}

/** Bytes of the longest header. */
export const idxHeaderBytes: number = prefixBytes + dimensionLimit * dimensionBytes;

/** @param bytes the beginning of the file, or all of it if it is short @throws ShoalError data_corrupt */
export function parseIdxHeader(bytes: Uint8Array, file: string): IdxHeader {
  const [zero0, zero1, type, rank = 0] = bytes.subarray(0, prefixBytes);
  if (bytes.length < prefixBytes || zero0 !== 0 || zero1 !== 0) throw corrupt(file, 0, "this is not an IDX file");
  if (type !== unsignedByte) throw corrupt(file, 2, `expected elements of type 0x08 (bytes), found ${type}`);
  if (rank < 1 || rank > dimensionLimit) {
    throw corrupt(file, 3, `expected 1 to ${dimensionLimit} dimensions, found ${rank}`);
  }
  const begin = prefixBytes + rank * dimensionBytes;
  if (bytes.length < begin) throw corrupt(file, bytes.length, "the file ends in its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dimensions = Array.from({ length: rank }, (_, index) => view.getUint32(prefixBytes + index * dimensionBytes));
  const length = dimensions.reduce((product, dimension) => product * dimension, 1);
  return { dimensions, file, begin, length };
}

/** @param found elements that there are @throws ShoalError data_corrupt when they are not those that are promised */
export function checkIdxLength({ dimensions, file, begin, length }: IdxHeader, found: number): void {
  if (found === length) return;
  const claimed = `the header promises ${length} bytes (${dimensions.join("×")})`;
  throw corrupt(file, begin + Math.min(found, length), `${claimed}, there are ${found}`);
}

/** Reads and checks one uncompressed file; keeps `bytes`. @throws ShoalError data_corrupt with file and position */
export function parseIdx(bytes: Uint8Array, file: string): IdxArray {
  const header = parseIdxHeader(bytes, file);
  const { dimensions, begin } = header;
  checkIdxLength(header, bytes.length - begin);
  return { dimensions, data: bytes.subarray(begin), file };
}

/** How bytes become inputs: scale · (byte − shift). */
export interface ByteScaling {
  readonly scale: number;
  readonly shift: number;
}

/** Images with their labels, checked to belong together. */
export interface LabelledImages {
  readonly images: IdxShape;
  readonly labels: IdxArray;
  /** Elements of one image. */
  readonly features: number;
}

/** @throws ShoalError data_corrupt when images and labels do not belong together */
export function labelledImages(images: IdxShape, labels: IdxArray): LabelledImages {
  const [count = 0, ...shape] = images.dimensions;
  if (count === 0) throw corrupt(images.file, prefixBytes, "the file has no samples");
  if (labels.dimensions.length !== 1) {
    throw corrupt(labels.file, 3, `labels have 1 dimension, found ${labels.dimensions.length}`);
  }
  if (labels.data.length !== count) {
    const sentence = `${labels.data.length} labels for the ${count} samples of ${images.file}`;
    throw corrupt(labels.file, prefixBytes, sentence);
  }
  const features = shape.reduce((product, dimension) => product * dimension, 1);
  if (features === 0) throw corrupt(images.file, prefixBytes, "the samples have no elements");
  return { images, labels, features };
}

/** Bytes of images as a column of their own; copies them. */
export function bytesColumn(data: Uint8Array, width: number, { scale, shift }: ByteScaling): DenseColumn {
  const values = new Uint8Array(sharedBuffer(data.length));
  values.set(data);
  return { kind: "dense", width, values, scale, shift };
}

/** Copies the labels. @param images the column of the images @param classes more than the greatest label */
export function idxSplit({ labels }: LabelledImages, images: Column, classes: number): Split {
  const values = new Int32Array(sharedBuffer(labels.data.length * Int32Array.BYTES_PER_ELEMENT));
  values.set(labels.data);
  return {
    count: labels.data.length,
    inputs: { [onlyInput]: images },
    targets: { [onlyTarget]: { kind: "labels", classes, values } },
  };
}

/** One more than the greatest label. */
export function idxClasses(...arrays: readonly LabelledImages[]): number {
  let greatest = 0;
  for (const { labels } of arrays) for (const label of labels.data) greatest = Math.max(greatest, label);
  return greatest + 1;
}
