/**
 * The IDX format of MNIST: two zero bytes, the element type, the number of dimensions, each dimension as a big-endian
 * 32-bit integer, then the elements. Only unsigned bytes occur in data sets of this kind.
 */
import { ShoalError } from "@shoal/errors";
import { onlyInput, onlyTarget, type Split } from "./dataset.ts";
import { sharedBuffer } from "./shared-buffer.ts";

export interface IdxArray {
  /** The first is the number of samples. */
  readonly dimensions: readonly number[];
  /** View of the file's bytes. */
  readonly data: Uint8Array;
  readonly file: string;
}

const unsignedByte = 0x08;
const prefixBytes = 4;
const dimensionBytes = 4;
const dimensionLimit = 8;

function corrupt(file: string, position: number, sentence: string): ShoalError {
  return new ShoalError("data_corrupt", `${file}: ${sentence} (at byte ${position})`, { file, position });
}

/** Reads and checks one uncompressed file; keeps `bytes`. @throws ShoalError data_corrupt with file and position */
export function parseIdx(bytes: Uint8Array, file: string): IdxArray {
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
  if (bytes.length !== begin + length) {
    const claimed = `the header promises ${length} bytes (${dimensions.join("×")})`;
    throw corrupt(file, Math.min(bytes.length, begin + length), `${claimed}, there are ${bytes.length - begin}`);
  }
  return { dimensions, data: bytes.subarray(begin), file };
}

/** How bytes become inputs: scale · (byte − shift). */
export interface ByteScaling {
  readonly scale: number;
  readonly shift: number;
}

/** Images with their labels, checked to belong together. */
export interface LabelledImages {
  readonly images: IdxArray;
  readonly labels: IdxArray;
  /** Elements of one image. */
  readonly features: number;
}

/** @throws ShoalError data_corrupt when images and labels do not belong together */
export function labelledImages(images: IdxArray, labels: IdxArray): LabelledImages {
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

/** Copies both. @param classes more than the greatest label */
export function idxSplit(
  { images, labels, features }: LabelledImages,
  { scale, shift }: ByteScaling,
  classes: number,
): Split {
  const values = new Uint8Array(sharedBuffer(images.data.length));
  values.set(images.data);
  const ownLabels = new Int32Array(sharedBuffer(labels.data.length * Int32Array.BYTES_PER_ELEMENT));
  ownLabels.set(labels.data);
  return {
    count: labels.data.length,
    inputs: { [onlyInput]: { kind: "dense", width: features, values, scale, shift } },
    targets: { [onlyTarget]: { kind: "labels", classes, values: ownLabels } },
  };
}

/** One more than the greatest label. */
export function idxClasses(...arrays: readonly LabelledImages[]): number {
  let greatest = 0;
  for (const { labels } of arrays) for (const label of labels.data) greatest = Math.max(greatest, label);
  return greatest + 1;
}
