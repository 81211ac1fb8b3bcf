/** Reads a file for a model that is trained already, as the model's own data was read. */
import { basename } from "node:path";
import { ShoalError } from "@shoal/errors";
import { sharedBuffer } from "../data/shared-buffer.ts";
import { onlyInput, type Split } from "../data/dataset.ts";
import type { Preprocessing, RawFormat } from "../data/preprocessing.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { loadSparseRows } from "./load-sparse.ts";
import { loadTableRows } from "./load-table.ts";
import { readIdxFile } from "./read-file.ts";
import { tableSource } from "./table-source.ts";

/** What a file may hold; by its name without `.gz`. */
const formats: readonly (readonly [ending: string, format: RawFormat])[] = [
  [".csv", "csv"],
  [".tsv", "csv"],
  [".jsonl", "jsonl"],
  [".ndjson", "jsonl"],
  [".parquet", "parquet"],
];

/** The format that a file's name tells, if it does. */
export function formatOfName(file: string): RawFormat | undefined {
  const name = basename(file).toLowerCase().replace(/\.gz$/, "");
  return formats.find(([ending]) => name.endsWith(ending))?.[1];
}

/**
 * Encodes the rows of a file; the split has targets when the file has the model's label columns.
 * @param format default: what the file's name tells, else the format that the model was trained on
 * @throws ShoalError data_not_found, data_corrupt, file_not_writable; invalid_argument when the model takes no such rows
 */
export async function loadRows(
  preprocessing: Preprocessing,
  file: string,
  environment: Pick<DatasetEnvironment, "cacheFolder" | "memoryLimitBytes">,
  format?: RawFormat,
): Promise<Split> {
  const chosen = format ?? formatOfName(file) ?? preprocessing.format;
  const [input] = Object.values(preprocessing.inputs);
  if (input?.kind === "columns" && (chosen === "csv" || chosen === "jsonl" || chosen === "parquet")) {
    const { delimiter = file.includes(".tsv") ? "\t" : undefined, hasHeader } = preprocessing;
    const source = tableSource(file, chosen === "csv" ? { type: chosen, delimiter, hasHeader } : { type: chosen });
    return await loadTableRows(preprocessing, source, environment);
  }
  if (input?.kind === "sparse" && chosen === "libsvm") return await loadSparseRows(preprocessing, file, environment);
  if (input?.kind === "bytes" && chosen === "idx") return await loadImages(input, file);
  const sentence =
    preprocessing.format === "text"
      ? `${file}: the model continues a text, it has nothing to say of rows`
      : `${file}: the model takes ${preprocessing.format} data, it cannot read ${chosen}`;
  throw new ShoalError("invalid_argument", sentence, { file, format: chosen });
}

async function loadImages(
  { width, scale, shift }: { readonly width: number; readonly scale: number; readonly shift: number },
  file: string,
): Promise<Split> {
  const { dimensions, data } = await readIdxFile(file);
  const [count = 0, ...shape] = dimensions;
  const found = shape.reduce((product, dimension) => product * dimension, 1);
  if (found !== width) {
    const sentence = `${file}: expected samples of ${width} elements, found ${found} (at byte 4)`;
    throw new ShoalError("data_corrupt", sentence, { file, position: 4 });
  }
  const values = new Uint8Array(sharedBuffer(data.length));
  values.set(data);
  return { count, inputs: { [onlyInput]: { kind: "dense", width, values, scale, shift } }, targets: {} };
}
