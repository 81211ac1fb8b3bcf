/** The schemas of data set specifications. */
import { z } from "zod";
import { check } from "../spec/check.ts";
import { digitsLimit, type DatasetSpec } from "./dataset-spec.ts";
import { featureLimit } from "./sparse-spec.ts";
import type { TableColumnsSpec } from "./table-spec.ts";

const filePath = z.string({ error: "a file path" }).min(1, { error: "a file path" });
const columnWords = "a column name or an index from 0";
const delimiterWords = "one character that is not a quote or a line break";
const reference = z.union(
  [z.string().min(1, { error: columnWords }), z.int({ error: columnWords }).min(0, { error: columnWords })],
  { error: columnWords },
);
const listWords = "a list of columns";
const references = z.array(reference, { error: listWords }).min(1, { error: listWords });
const nameWords = "columns by the name of an input or target";
const kind = z.enum(["class", "number"], { error: "class or number" });

const columns = {
  file: filePath,
  testFile: filePath.optional(),
  labelColumn: reference.optional(),
  labelKind: kind.optional(),
  targets: z
    .record(z.string().min(1), z.strictObject({ columns: references, kind }), { error: nameWords })
    .refine((targets) => Object.keys(targets).length > 0, { error: nameWords })
    .optional(),
  inputs: z
    .record(z.string().min(1), references, { error: nameWords })
    .refine((inputs) => Object.keys(inputs).length > 0, { error: nameWords })
    .optional(),
  categories: references.optional(),
  normalisation: z.enum(["none", "standard"], { error: "none or standard" }).optional(),
};

interface Complaint {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What the schema of one table cannot say field by field. */
function complaintsOf(spec: TableColumnsSpec): readonly Complaint[] {
  const complaints: Complaint[] = [];
  if ((spec.labelColumn === undefined) === (spec.targets === undefined)) {
    complaints.push({ path: ["labelColumn"], message: `${columnWords}, or targets in its place` });
  }
  for (const [name, { kind: targetKind, columns: chosen }] of Object.entries(spec.targets ?? {})) {
    if (targetKind === "number" || chosen.length === 1) continue;
    complaints.push({ path: ["targets", name, "columns"], message: "a single column for a class" });
  }
  return complaints;
}

const csvSchema = z.strictObject({
  type: z.literal("csv"),
  ...columns,
  hasHeader: z.boolean({ error: "true or false" }).optional(),
  delimiter: z
    .string({ error: delimiterWords })
    .regex(/^[^"\r\n]$/u, { error: delimiterWords })
    .optional(),
});
const jsonLinesSchema = z.strictObject({
  type: z.literal("jsonl"),
  ...columns,
});
const parquetSchema = z.strictObject({ type: z.literal("parquet"), ...columns });

const featuresWords = `an integer from 1 to ${featureLimit}`;
const substituteLimit = 1_000_000;
const rowsWords = `an integer from 10 to ${substituteLimit}`;
const substituteRows = z
  .int({ error: rowsWords })
  .min(10, { error: rowsWords })
  .max(substituteLimit, { error: rowsWords });

const sparseSchema = z.strictObject({
  type: z.literal("libsvm"),
  file: filePath,
  testFile: filePath.optional(),
  features: z
    .int({ error: featuresWords })
    .min(1, { error: featuresWords })
    .max(featureLimit, { error: featuresWords })
    .optional(),
  labelKind: z.enum(["class", "number"], { error: "class or number" }).optional(),
  substitute: z
    .strictObject({ samples: substituteRows, testSamples: substituteRows }, { error: "samples and testSamples" })
    .optional(),
});

const lengthLimit = 65_536;
const lengthWords = `an integer from 1 to ${lengthLimit}`;
const length = z.int({ error: lengthWords }).min(1, { error: lengthWords }).max(lengthLimit, { error: lengthWords });
const shareWords = "a number above 0 and below 1";

const textSchema = z.strictObject({
  type: z.literal("text"),
  file: filePath,
  testFile: filePath.optional(),
  tokens: z.enum(["characters", "bytes", "r50k", "cl100k"], { error: "characters, bytes, r50k or cl100k" }),
  length,
  stride: length.optional(),
  testShare: z.number({ error: shareWords }).gt(0, { error: shareWords }).lt(1, { error: shareWords }).optional(),
  substitute: z.boolean({ error: "true or false" }).optional(),
});

const samplesWords = `an integer from 1 to ${digitsLimit}`;
const samples = z
  .int({ error: samplesWords })
  .min(1, { error: samplesWords })
  .max(digitsLimit, { error: samplesWords });
const seedWords = "a non-negative integer";

const members = [
  z.strictObject({ type: z.literal("mnist") }),
  z.strictObject({
    type: z.literal("idx"),
    images: filePath,
    labels: filePath,
    testImages: filePath,
    testLabels: filePath,
  }),
  csvSchema,
  jsonLinesSchema,
  parquetSchema,
  sparseSchema,
  textSchema,
  z.strictObject({
    type: z.literal("digits"),
    samples: samples.optional(),
    testSamples: samples.optional(),
    seed: z.int({ error: seedWords }).min(0, { error: seedWords }).optional(),
  }),
] as const;

/** The schema of {@link DatasetSpec}. */
export const datasetSpecSchema: z.ZodType<DatasetSpec> = z
  .discriminatedUnion("type", members, { error: "mnist, idx, csv, jsonl, parquet, libsvm, text or digits" })
  .superRefine((spec, context) => {
    if (spec.type !== "csv" && spec.type !== "jsonl" && spec.type !== "parquet") return;
    for (const complaint of complaintsOf(spec)) context.addIssue({ code: "custom", input: spec, ...complaint });
  });

/** Checks a data set description from outside. @throws ShoalError invalid_argument, naming the field */
export function parseDatasetSpec(value: unknown, root = "dataset"): DatasetSpec {
  return check(datasetSpecSchema, value, root);
}
