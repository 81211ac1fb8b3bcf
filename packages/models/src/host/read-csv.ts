/** Reads CSV files piece by piece into tables. */
import { createReadStream } from "node:fs";
import type { CsvDatasetSpec } from "../data/dataset-spec.ts";
import { csvDataset } from "../data/csv-dataset.ts";
import { createCsvTableReader, type CsvTable, type LabelTexts } from "../data/csv-table.ts";
import type { Dataset } from "../data/dataset.ts";
import { isShoalError } from "@shoal/errors";
import { notReadable } from "./read-file.ts";

/** @param spec with paths that can be opened @throws ShoalError data_not_found, data_corrupt */
export async function readCsvDataset(spec: CsvDatasetSpec): Promise<Dataset> {
  const texts: LabelTexts = new Map();
  const table = await readTable(spec.file, spec, texts);
  const testTable = spec.testFile === undefined ? undefined : await readTable(spec.testFile, spec, texts);
  return csvDataset(spec, table, testTable, texts);
}

async function readTable(file: string, spec: CsvDatasetSpec, texts: LabelTexts): Promise<CsvTable> {
  const reader = createCsvTableReader(file, spec, texts);
  const decoder = new TextDecoder();
  try {
    for await (const piece of createReadStream(file)) {
      reader.push(decoder.decode(piece as Uint8Array, { stream: true }));
    }
  } catch (error) {
    throw isShoalError(error) ? error : notReadable(file, error);
  }
  reader.push(decoder.decode());
  reader.end();
  return reader.table();
}
