/** A data set as data: what a job names, checked before anything is read. */
import { z } from "zod";
import { check } from "../spec/check.ts";

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

/** How the columns of a CSV file are scaled: not at all, or to mean 0 and deviation 1 over the training rows. */
export type Normalisation = "none" | "standard";

export interface CsvDatasetSpec {
  readonly type: "csv";
  readonly file: string;
  /** Without it every tenth row of `file` is a test row. */
  readonly testFile?: string | undefined;
  /** Column of the label: its name in the header, or its index from 0. */
  readonly labelColumn: string | number;
  /** `class`: labels are classes, numbered in sorted order; `number`: to be predicted as it is. Default `class`. */
  readonly labelKind?: "class" | "number" | undefined;
  /** Default true. */
  readonly hasHeader?: boolean | undefined;
  /** One character; default a comma. */
  readonly delimiter?: string | undefined;
  /** Default `standard`. */
  readonly normalisation?: Normalisation | undefined;
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

export type DatasetSpec = MnistDatasetSpec | IdxDatasetSpec | CsvDatasetSpec | DigitsDatasetSpec;

/** Most samples that generated digits may have: 784 bytes each. */
export const digitsLimit = 1_000_000;

const path = z.string({ error: "a file path" }).min(1, { error: "a file path" });
const columnWords = "a column name or an index from 0";
const samplesWords = `an integer from 1 to ${digitsLimit}`;
const samples = z
  .int({ error: samplesWords })
  .min(1, { error: samplesWords })
  .max(digitsLimit, { error: samplesWords });
const delimiterWords = "one character that is not a quote or a line break";
const seedWords = "a non-negative integer";

/** The schema of {@link DatasetSpec}. */
export const datasetSpecSchema: z.ZodType<DatasetSpec> = z.discriminatedUnion(
  "type",
  [
    z.strictObject({ type: z.literal("mnist") }),
    z.strictObject({ type: z.literal("idx"), images: path, labels: path, testImages: path, testLabels: path }),
    z.strictObject({
      type: z.literal("csv"),
      file: path,
      testFile: path.optional(),
      labelColumn: z.union(
        [z.string().min(1, { error: columnWords }), z.int({ error: columnWords }).min(0, { error: columnWords })],
        { error: columnWords },
      ),
      labelKind: z.enum(["class", "number"], { error: "class or number" }).optional(),
      hasHeader: z.boolean({ error: "true or false" }).optional(),
      delimiter: z
        .string({ error: delimiterWords })
        .regex(/^[^"\r\n]$/u, { error: delimiterWords })
        .optional(),
      normalisation: z.enum(["none", "standard"], { error: "none or standard" }).optional(),
    }),
    z.strictObject({
      type: z.literal("digits"),
      samples: samples.optional(),
      testSamples: samples.optional(),
      seed: z.int({ error: seedWords }).min(0, { error: seedWords }).optional(),
    }),
  ],
  { error: "mnist, idx, csv or digits" },
);

/** Checks a data set description from outside. @throws ShoalError invalid_argument, naming the field */
export function parseDatasetSpec(value: unknown, root = "dataset"): DatasetSpec {
  return check(datasetSpecSchema, value, root);
}
