/** Loads images and labels in IDX files. */
import { ShoalError } from "@shoal/errors";
import type { Column } from "../data/column.ts";
import { onlyInput, onlyTarget, type Dataset } from "../data/dataset.ts";
import type { IdxDatasetSpec } from "../data/dataset-spec.ts";
import { idxClasses, idxSplit, labelledImages, type ByteScaling, type IdxArray, type IdxShape } from "../data/idx.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { requireDataFile } from "./find-data-file.ts";
import { readIdxFile } from "./read-file.ts";
import { removeRecords } from "./record-folder.ts";
import { readImages } from "./read-images.ts";

/** Bytes of any origin but MNIST become numbers from 0 to 1. */
const unitScaling: ByteScaling = { scale: 1 / 255, shift: 0 };

/** @throws ShoalError data_not_found, data_corrupt, file_not_writable */
export async function loadIdx(spec: IdxDatasetSpec, environment: DatasetEnvironment): Promise<Dataset> {
  const find = (file: string): Promise<string> => requireDataFile(file, "idx", environment);
  const imagesFile = await find(spec.images);
  const testFile = await find(spec.testImages);
  const labels = await readIdxFile(await find(spec.labels));
  const testLabels = await readIdxFile(await find(spec.testLabels));
  const columns: ImageColumn[] = [];
  const read = async (file: string): Promise<ImageColumn> => {
    const found = await readImages(file, unitScaling, environment);
    columns.push(found);
    return found;
  };
  try {
    return joinIdx(
      { name: spec.images, source: `IDX files ${imagesFile} and ${testFile}`, scaling: unitScaling },
      { ...(await read(imagesFile)), labels },
      { ...(await read(testFile)), labels: testLabels },
    );
  } catch (error) {
    for (const { column } of columns) if (column.kind === "stored") removeRecords(column.file);
    throw error;
  }
}

export interface ImageColumn {
  readonly shape: IdxShape;
  readonly column: Column;
}

export interface ImagesAndLabels extends ImageColumn {
  readonly labels: IdxArray;
}

interface Identity {
  readonly name: string;
  readonly source: string;
  readonly scaling: ByteScaling;
}

/** @throws ShoalError data_corrupt when the files do not belong together */
export function joinIdx({ name, source, scaling }: Identity, train: ImagesAndLabels, test: ImagesAndLabels): Dataset {
  const joined = labelledImages(train.shape, train.labels);
  const testJoined = labelledImages(test.shape, test.labels);
  checkSameFeatures(joined.features, testJoined.features, test.shape.file);
  const classes = idxClasses(joined, testJoined);
  const names = Array.from({ length: classes }, (_, label) => String(label));
  return {
    name,
    source,
    train: idxSplit(joined, train.column, classes),
    test: idxSplit(testJoined, test.column, classes),
    preprocessing: {
      version: 1,
      format: "idx",
      inputs: { [onlyInput]: { kind: "bytes", width: joined.features, ...scaling } },
      targets: { [onlyTarget]: { kind: "classes", column: "label", names } },
    },
  };
}

function checkSameFeatures(train: number, test: number, file: string): void {
  if (train === test) return;
  const sentence = `${file}: test samples have ${test} features, training samples ${train}`;
  throw new ShoalError("data_corrupt", sentence, { file, position: 4 });
}
