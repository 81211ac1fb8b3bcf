export type { DatasetEnvironment } from "./environment.ts";
export { loadDataset } from "./load-dataset.ts";
export { loadDatasetInThread, type DatasetThreadEnvironment } from "./load-dataset-in-thread.ts";
export { formatOfName, loadRows } from "./load-rows.ts";
export { releaseDataset } from "./record-folder.ts";
export { openRecordFile } from "./open-record-file.ts";
export { locateMnist, type MnistContents, type MnistLocation, type MnistSearch } from "./locate-mnist.ts";
