/** Opens tables of every format; each is read as a stream. */
import { open } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { createCsvRows, type CsvFormat } from "../data/csv-rows.ts";
import { createJsonRows } from "../data/json-rows.ts";
import { readParquetRows } from "../data/parquet-rows.ts";
import type { TableSource } from "../data/raw-rows.ts";
import { notReadable } from "./read-file.ts";
import { readPieces, readTextPieces } from "./read-pieces.ts";

export type TableFormat =
  { readonly type: "jsonl" } | { readonly type: "parquet" } | ({ readonly type: "csv" } & CsvFormat);

export function tableSource(file: string, format: TableFormat): TableSource {
  switch (format.type) {
    case "csv":
      return {
        file,
        unit: "line",
        async read(visitor) {
          const rows = createCsvRows(file, format, visitor);
          for await (const text of readTextPieces(file)) rows.push(text);
          rows.end();
        },
      };
    case "jsonl":
      return {
        file,
        unit: "line",
        async read(visitor) {
          const rows = createJsonRows(file, visitor);
          for await (const piece of readPieces(file)) rows.push(piece);
          rows.end();
        },
      };
    case "parquet":
      return parquetSource(file);
  }
}

/** The codecs of the Parquet format that the library leaves to others. */
const compressors = {
  GZIP: (bytes: Uint8Array): Uint8Array => gunzipSync(bytes),
  BROTLI: (bytes: Uint8Array): Uint8Array => brotliDecompressSync(bytes),
  ZSTD: (bytes: Uint8Array): Uint8Array => zstdDecompressSync(bytes),
};

function parquetSource(file: string): TableSource {
  return {
    file,
    unit: "row",
    async read(visitor) {
      await using handle = await open(file).catch((error: unknown) => {
        throw notReadable(file, error);
      });
      const { size } = await handle.stat();
      const positioned = {
        byteLength: size,
        async slice(begin: number, end: number = size): Promise<ArrayBuffer> {
          const bytes = new Uint8Array(end - begin);
          const { bytesRead } = await handle.read(bytes, 0, bytes.length, begin);
          return bytes.buffer.slice(0, bytesRead);
        },
      };
      await readParquetRows(file, positioned, compressors, visitor);
    },
  };
}
