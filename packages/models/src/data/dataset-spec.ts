/** A data set as data: what a job names, checked before anything is read. */
import type { LibsvmDatasetSpec } from "./sparse-spec.ts";
import type { TableDatasetSpec } from "./table-spec.ts";
import type { TextDatasetSpec } from "./text-spec.ts";

/** The handwritten digits of LeCun, Cortes and Burges; found, downloaded or replaced by generated digits. */
export interface MnistDatasetSpec {
  readonly type: "mnist";
}

/** Four IDX files, plain or gzipped; relative paths start at the job's folder. */
export interface IdxDatasetSpec {
  readonly type: "idx";
  readonly images: string;
  readonly labels: string;
  readonly testImages: string;
  readonly testLabels: string;
}

/** Generated 28×28 digits. */
export interface DigitsDatasetSpec {
  readonly type: "digits";
  /** Default 12,000. */
  readonly samples?: number | undefined;
  /** Default 2,000. */
  readonly testSamples?: number | undefined;
  /** Default 1. */
  readonly seed?: number | undefined;
}

/** Paths of files are looked for at the job's folder and in the user's data folder; all may be gzipped. */
export type DatasetSpec =
  MnistDatasetSpec | IdxDatasetSpec | TableDatasetSpec | LibsvmDatasetSpec | TextDatasetSpec | DigitsDatasetSpec;

/** Most samples that generated digits may have: 784 bytes each. */
export const digitsLimit = 1_000_000;
