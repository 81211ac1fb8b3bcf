/** Loads libsvm files, in two passes like tables. */
import type { Dataset, Split } from "../data/dataset.ts";
import { createSparseFit, sparseEncoder, sparseLayout, type SparseCounts } from "../data/fit-sparse.ts";
import { createLibsvmRows, type SparseRow } from "../data/libsvm.ts";
import type { TextLine } from "../data/line-splitter.ts";
import type { Preprocessing } from "../data/preprocessing.ts";
import { generateSparse } from "../data/generate-sparse.ts";
import type { LibsvmDatasetSpec } from "../data/sparse-spec.ts";
import { checkTestRows, describeFiles, isTestRow } from "../data/split-rule.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { findDataFile, requireDataFile } from "./find-data-file.ts";
import { encode } from "./load-table.ts";
import { readPieces } from "./read-pieces.ts";
import { createSplitSinks } from "./record-sink.ts";

type OnRow = (row: SparseRow, line: TextLine, number: number) => void;

async function readRows(file: string, features: number | undefined, onRow: OnRow): Promise<void> {
  let number = 0;
  const rows = createLibsvmRows(file, features, (row, line) => {
    onRow(row, line, number);
    number += 1;
  });
  for await (const piece of readPieces(file)) rows.push(piece);
  rows.end();
}

/** @throws ShoalError data_not_found, data_corrupt, file_not_writable */
export async function loadLibsvm(spec: LibsvmDatasetSpec, environment: DatasetEnvironment): Promise<Dataset> {
  if (spec.substitute !== undefined && (await findDataFile(spec.file, "libsvm", environment)) === undefined) {
    const generated = generateSparse(spec, spec.substitute);
    environment.log?.(`using ${generated.source}`);
    return generated;
  }
  const file = await requireDataFile(spec.file, "libsvm", environment);
  const testFile =
    spec.testFile === undefined ? undefined : await requireDataFile(spec.testFile, "libsvm", environment);
  const { features } = spec;
  const isForTesting = (row: number): boolean => testFile === undefined && isTestRow(row);
  const fit = createSparseFit(spec.labelKind);
  const [trainSize, testSize]: [SparseCounts, SparseCounts] = [
    { rows: 0, entries: 0 },
    { rows: 0, entries: 0 },
  ];
  await readRows(file, features, (row, line, number) => {
    fit.visit(row, isForTesting(number) ? testSize : trainSize, file, line);
  });
  if (testFile === undefined) checkTestRows(file, trainSize.rows + testSize.rows);
  else await readRows(testFile, features, (row, line) => fit.visit(row, testSize, testFile, line));
  const preprocessing: Preprocessing = { version: 1, format: "libsvm", ...fit.result(features) };
  const layout = sparseLayout(preprocessing, activeOf(preprocessing));
  const sinks = createSplitSinks(layout, [trainSize, testSize], environment);
  const [train, test] = await encode(sinks, async (trainSink, testSink) => {
    const [writeTrain, writeTest] = [trainSink, testSink].map((sink) => sparseEncoder(preprocessing, layout, sink));
    await readRows(file, features, (row, line, number) => {
      (isForTesting(number) ? writeTest : writeTrain)?.(row, file, line);
    });
    if (testFile !== undefined) await readRows(testFile, features, (row, line) => writeTest?.(row, testFile, line));
  });
  return { name: spec.file, source: describeFiles(file, testFile), train, test, preprocessing };
}

function activeOf({ inputs }: Preprocessing): number {
  return Math.max(...Object.values(inputs).map((input) => (input.kind === "sparse" ? input.active : 1)));
}

/** Rows for a model that is trained already; their labels must be classes that it knows. */
export async function loadSparseRows(
  preprocessing: Preprocessing,
  file: string,
  environment: Pick<DatasetEnvironment, "cacheFolder" | "memoryLimitBytes">,
): Promise<Split> {
  const [input] = Object.values(preprocessing.inputs);
  const features = input?.kind === "sparse" ? input.features : undefined;
  const size: SparseCounts = { rows: 0, entries: 0 };
  let active = 1;
  await readRows(file, features, (row) => {
    size.rows += 1;
    size.entries += row.length;
    active = Math.max(active, row.length);
  });
  const layout = sparseLayout(preprocessing, active);
  const [split] = await encode(createSplitSinks(layout, [size], environment), async (sink) => {
    const write = sparseEncoder(preprocessing, layout, sink);
    await readRows(file, features, (row, line) => write(row, file, line));
  });
  return split;
}
