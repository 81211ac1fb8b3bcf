/**
 * Loads tables in two passes: the first fits means, classes and categories, the second encodes each row and puts it
 * where it stays. So a table is never in memory as text, and training and prediction encode alike.
 */
import type { Dataset, Split } from "../data/dataset.ts";
import { createTableEncoder, tableLayout, wantedColumns } from "../data/encode-table.ts";
import { createTableFit } from "../data/fit-table.ts";
import type { Preprocessing } from "../data/preprocessing.ts";
import type { TableSource } from "../data/raw-rows.ts";
import type { RecordLayout } from "../data/record-layout.ts";
import { checkTestRows, describeFiles, isTestRow } from "../data/split-rule.ts";
import type { TableDatasetSpec } from "../data/table-spec.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { requireDataFile } from "./find-data-file.ts";
import { createSplitSinks, type SplitSink } from "./record-sink.ts";
import { tableSource } from "./table-source.ts";

/** @throws ShoalError data_not_found, data_corrupt, file_not_writable */
export async function loadTable(spec: TableDatasetSpec, environment: DatasetEnvironment): Promise<Dataset> {
  const open = async (file: string): Promise<TableSource> => {
    return tableSource(await requireDataFile(file, spec.type, environment), spec);
  };
  const file = await open(spec.file);
  const testFile = spec.testFile === undefined ? undefined : await open(spec.testFile);
  const fit = createTableFit(spec);
  const visitor = fit.visitor(file, (row) => testFile !== undefined || !isTestRow(row));
  await file.read(visitor);
  const testVisitor = testFile === undefined ? undefined : fit.visitor(testFile, () => false);
  if (testVisitor !== undefined) await testFile?.read(testVisitor);
  const rows = visitor.rows();
  if (testVisitor === undefined) checkTestRows(file.file, rows);
  const testRows = testVisitor?.rows() ?? Math.floor(rows / 10);
  const trainRows = testVisitor === undefined ? rows - testRows : rows;
  const preprocessing: Preprocessing = {
    version: 1,
    format: spec.type,
    ...fit.result(),
    ...(spec.type === "csv" ? { delimiter: spec.delimiter, hasHeader: spec.hasHeader } : {}),
  };
  const layout = tableLayout(preprocessing);
  const sinks = createSplitSinks(layout, [{ rows: trainRows }, { rows: testRows }], environment);
  const [train, test] = await encode(sinks, async (trainSink, testSink) => {
    const sinkOf = (row: number): SplitSink => (testFile === undefined && isTestRow(row) ? testSink : trainSink);
    await file.read(createTableEncoder(preprocessing, layout, file, sinkOf));
    await testFile?.read(createTableEncoder(preprocessing, layout, testFile, () => testSink));
  });
  return { name: spec.file, source: describeFiles(file.file, testFile?.file), train, test, preprocessing };
}

/** Runs the second pass; what it has written is removed when it fails. */
export async function encode(
  sinks: readonly SplitSink[],
  pass: (train: SplitSink, test: SplitSink) => Promise<void>,
): Promise<readonly [Split, Split]> {
  const [train, test = train] = sinks;
  if (train === undefined || test === undefined) throw new RangeError("there is no sink");
  try {
    await pass(train, test);
    return [train.split(), test.split()];
  } catch (error) {
    for (const sink of sinks) sink.discard();
    throw error;
  }
}

/**
 * Encodes a table for a model that is trained already. Targets are there when the file has their columns.
 * @throws ShoalError data_not_found, data_corrupt, file_not_writable
 */
export async function loadTableRows(
  preprocessing: Preprocessing,
  source: TableSource,
  environment: Pick<DatasetEnvironment, "cacheFolder" | "memoryLimitBytes">,
): Promise<Split> {
  let rows = 0;
  let columns: readonly string[] = [];
  await source.read({
    columns: (names) => (columns = names),
    row: () => (rows += 1),
  });
  const full = tableLayout(preprocessing);
  const hasTargets = wantedColumns(preprocessing, full).every((column) => columns.includes(column));
  const layout: RecordLayout = hasTargets ? full : tableLayout(preprocessing, false);
  const [split] = await encode(createSplitSinks(layout, [{ rows }], environment), async (sink) => {
    await source.read(createTableEncoder(preprocessing, layout, source, () => sink));
  });
  return split;
}
