/** Images and labels in MNIST's format and scale, from bytes that are at hand. */
import type { Split } from "./dataset.ts";
import { bytesColumn, idxClasses, idxSplit, labelledImages, parseIdx, type ByteScaling } from "./idx.ts";

/** Mean 0.1307 and deviation 0.3081 of MNIST's training pixels, in bytes. */
export const mnistScaling: ByteScaling = { scale: 1 / (255 * 0.3081), shift: 255 * 0.1307 };

/** Copies both. @param images - an unpacked IDX file, as `labels` @throws ShoalError data_corrupt */
export function readMnistSplit(images: Uint8Array, labels: Uint8Array): Split {
  const pictures = parseIdx(images, "images");
  const joined = labelledImages(pictures, parseIdx(labels, "labels"));
  return idxSplit(joined, bytesColumn(pictures.data, joined.features, mnistScaling), idxClasses(joined));
}
