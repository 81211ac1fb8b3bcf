/** The rows of a Parquet file, read row group by row group through hyparquet. */
import { ShoalError } from "@shoal/errors";
import type { Compressors } from "hyparquet";
import { rawValue } from "./json-rows.ts";
import { corruptAt, type TableVisitor } from "./raw-rows.ts";

/** A file that can be read by position. */
export interface PositionedFile {
  readonly byteLength: number;
  /** @returns a copy of the bytes [begin, end) */
  slice(begin: number, end?: number): Promise<ArrayBuffer>;
}

/** The mark PAR1 at both ends and the length of the footer between them. */
const shortestFile = 12;

/**
 * The library is loaded on first use. One row group is in memory at a time: the format has no smaller whole.
 * @param compressors how pages are unpacked, beside Snappy and plain ones
 * @throws ShoalError data_corrupt with the file, and the row where one is known; and whatever the visitor throws
 */
export async function readParquetRows(
  name: string,
  file: PositionedFile,
  compressors: Compressors,
  visitor: TableVisitor,
): Promise<void> {
  if (file.byteLength < shortestFile) {
    throw corruptAt({ file: name, unit: "row" }, 0, `${file.byteLength} bytes are too short for a Parquet file`);
  }
  const { parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const metadata = await attempt(name, 0, () => parquetMetadataAsync(file));
  const columns = topLevelColumns(metadata.schema);
  visitor.columns(columns, 0);
  if (metadata.num_rows === 0n) throw corruptAt({ file: name, unit: "row" }, 0, "the file has no rows");
  let begin = 0;
  for (const group of metadata.row_groups) {
    const end = begin + Number(group.num_rows);
    const part = { file, metadata, columns, compressors, rowStart: begin, rowEnd: end };
    const objects = await attempt(name, begin, () => parquetReadObjects(part));
    if (objects.length !== end - begin) {
      throw corruptAt({ file: name, unit: "row" }, begin, `expected ${end - begin} rows, found ${objects.length}`);
    }
    for (const [index, object] of objects.entries()) {
      const values = columns.map((column) => rawValue(object[column]));
      visitor.row(values, begin + index);
    }
    begin = end;
  }
}

/** Names of the columns; a nested one counts as one. */
function topLevelColumns(schema: readonly { readonly name: string; readonly num_children?: number }[]): string[] {
  const names: string[] = [];
  const skip = (index: number): number => {
    let next = index + 1;
    for (let child = 0; child < (schema[index]?.num_children ?? 0); child += 1) next = skip(next);
    return next;
  };
  for (let index = 1; index < schema.length; index = skip(index)) names.push(schema[index]?.name ?? "");
  return names;
}

/** Whatever the library complains about is the file's fault. */
async function attempt<T>(file: string, row: number, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ShoalError(
      "data_corrupt",
      `${file}: the Parquet data cannot be read: ${reason} (from row ${row})`,
      { file, row },
      { cause: error },
    );
  }
}
