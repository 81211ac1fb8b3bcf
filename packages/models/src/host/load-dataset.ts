/** Loads a data set, wherever it comes from. */
import { resolve } from "node:path";
import { ShoalError } from "@shoal/errors";
import { onlyInput, onlyTarget, type Dataset } from "../data/dataset.ts";
import type { DatasetSpec, IdxDatasetSpec } from "../data/dataset-spec.ts";
import { generateDigits, type DigitsOptions } from "../data/digits.ts";
import { idxClasses, idxSplit, labelledImages, parseIdx, type ByteScaling, type IdxArray } from "../data/idx.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { loadLibsvm } from "./load-sparse.ts";
import { loadTable } from "./load-table.ts";
import { loadText } from "./load-text.ts";
import { locateMnist } from "./locate-mnist.ts";
import { readIdxFile } from "./read-file.ts";

/** Mean 0.1307 and deviation 0.3081 of MNIST's training pixels, in bytes. */
const mnistScaling: ByteScaling = { scale: 1 / (255 * 0.3081), shift: 255 * 0.1307 };
/** Bytes of any other origin become numbers from 0 to 1. */
const unitScaling: ByteScaling = { scale: 1 / 255, shift: 0 };

/** Generated digits in place of MNIST: enough for some thousand steps, drawn in about two seconds. */
const substitute: DigitsOptions = { samples: 30_000, testSamples: 5_000 };

/**
 * Loads what a specification names. MNIST that can neither be found nor downloaded is replaced by generated digits;
 * `source` and the log say so.
 * @throws ShoalError data_not_found, data_corrupt; file_not_writable when a large data set finds no room
 */
export async function loadDataset(spec: DatasetSpec, environment: DatasetEnvironment): Promise<Dataset> {
  const path = (file: string): string => resolve(environment.baseFolder ?? ".", file);
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
      return await loadIdx(spec, path);
  }
}

async function loadIdx(spec: IdxDatasetSpec, path: (file: string) => string): Promise<Dataset> {
  const read = (file: string): Promise<IdxArray> => readIdxFile(path(file));
  return joinIdx(
    { name: spec.images, source: `IDX files ${path(spec.images)} and ${path(spec.testImages)}`, scaling: unitScaling },
    await read(spec.images),
    await read(spec.labels),
    await read(spec.testImages),
    await read(spec.testLabels),
  );
}

async function loadMnist(environment: DatasetEnvironment): Promise<Dataset> {
  const location = await locateMnist(environment);
  if (!location.found) {
    const digits = generateDigits(substitute);
    const source = `${digits.source} in place of MNIST, which could not be fetched: ${location.reason}`;
    environment.log?.(`using ${source}`);
    return { ...digits, source };
  }
  const { trainImages, trainLabels, testImages, testLabels } = location.contents;
  return joinIdx(
    { name: "mnist", source: location.source, scaling: mnistScaling },
    parseIdx(trainImages, "train-images-idx3-ubyte"),
    parseIdx(trainLabels, "train-labels-idx1-ubyte"),
    parseIdx(testImages, "t10k-images-idx3-ubyte"),
    parseIdx(testLabels, "t10k-labels-idx1-ubyte"),
  );
}

interface Identity {
  readonly name: string;
  readonly source: string;
  readonly scaling: ByteScaling;
}

function joinIdx(
  { name, source, scaling }: Identity,
  images: IdxArray,
  labels: IdxArray,
  testImages: IdxArray,
  testLabels: IdxArray,
): Dataset {
  const train = labelledImages(images, labels);
  const test = labelledImages(testImages, testLabels);
  checkSameFeatures(train.features, test.features, testImages.file);
  const classes = idxClasses(train, test);
  return {
    name,
    source,
    train: idxSplit(train, scaling, classes),
    test: idxSplit(test, scaling, classes),
    preprocessing: {
      version: 1,
      format: "idx",
      inputs: { [onlyInput]: { kind: "bytes", width: train.features, ...scaling } },
      targets: {
        [onlyTarget]: {
          kind: "classes",
          column: "label",
          names: Array.from({ length: classes }, (_, index) => String(index)),
        },
      },
    },
  };
}

function checkSameFeatures(train: number, test: number, file: string): void {
  if (train === test) return;
  const sentence = `${file}: test samples have ${test} features, training samples ${train}`;
  throw new ShoalError("data_corrupt", sentence, { file, position: 4 });
}
