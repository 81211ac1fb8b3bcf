/** Loads a data set, wherever it comes from. */
import type { Dataset } from "../data/dataset.ts";
import type { DatasetSpec } from "../data/dataset-spec.ts";
import { generateDigits, type DigitsOptions } from "../data/digits.ts";
import { bytesColumn, parseIdx } from "../data/idx.ts";
import { mnistScaling } from "../data/mnist-split.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { joinIdx, loadIdx, type ImagesAndLabels } from "./load-idx.ts";
import { loadLibsvm } from "./load-sparse.ts";
import { loadTable } from "./load-table.ts";
import { loadText } from "./load-text.ts";
import { locateMnist } from "./locate-mnist.ts";

/** Generated digits in place of MNIST: enough for some thousand steps, drawn in about two seconds. */
const substitute: DigitsOptions = { samples: 30_000, testSamples: 5_000 };

/**
 * Loads what a specification names. MNIST that can neither be found nor downloaded is replaced by generated digits;
 * `source` and the log say so.
 * @throws ShoalError data_not_found, data_corrupt; file_not_writable when a large data set finds no room
 */
export async function loadDataset(spec: DatasetSpec, environment: DatasetEnvironment): Promise<Dataset> {
  switch (spec.type) {
    case "digits":
      return generateDigits(spec);
    case "mnist":
      return await loadMnist(environment);
    case "csv":
    case "jsonl":
    case "parquet":
      return await loadTable(spec, environment);
    case "libsvm":
      return await loadLibsvm(spec, environment);
    case "text":
      return await loadText(spec, environment);
    case "idx":
      return await loadIdx(spec, environment);
  }
}

async function loadMnist(environment: DatasetEnvironment): Promise<Dataset> {
  const location = await locateMnist(environment);
  if (!location.found) {
    const digits = generateDigits(substitute);
    // Why is in the source, which is said as well.
    environment.log?.(`using ${digits.source} in place of MNIST`);
    const source = `${digits.source} in place of MNIST, which could not be fetched: ${location.reason}`;
    return { ...digits, source };
  }
  const { trainImages, trainLabels, testImages, testLabels } = location.contents;
  const part = (images: Uint8Array, name: string, labels: Uint8Array, labelsName: string): ImagesAndLabels => {
    const shape = parseIdx(images, name);
    const [, ...sides] = shape.dimensions;
    const width = sides.reduce((product, side) => product * side, 1);
    return { shape, column: bytesColumn(shape.data, width, mnistScaling), labels: parseIdx(labels, labelsName) };
  };
  return joinIdx(
    { name: "mnist", source: location.source, scaling: mnistScaling },
    part(trainImages, "train-images-idx3-ubyte", trainLabels, "train-labels-idx1-ubyte"),
    part(testImages, "t10k-images-idx3-ubyte", testLabels, "t10k-labels-idx1-ubyte"),
  );
}
