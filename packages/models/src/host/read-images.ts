/** Reads the bytes of IDX images as a stream: into shared memory, or into a file of records when they are many. */
import type { Column } from "../data/column.ts";
import {
  checkIdxLength,
  idxHeaderBytes,
  parseIdxHeader,
  type ByteScaling,
  type IdxHeader,
  type IdxShape,
} from "../data/idx.ts";
import { sharedBuffer } from "../data/shared-buffer.ts";
import type { DatasetEnvironment } from "./environment.ts";
import { readPieces } from "./read-pieces.ts";
import { createRecordFile } from "./record-folder.ts";
import { defaultMemoryLimitBytes } from "./record-sink.ts";

interface ByteSink {
  append(bytes: Uint8Array): void;
  column(): Column;
  discard(): void;
}

/** @throws ShoalError data_not_found, data_corrupt, file_not_writable */
export async function readImages(
  file: string,
  scaling: ByteScaling,
  environment: Pick<DatasetEnvironment, "cacheFolder" | "memoryLimitBytes">,
): Promise<{ readonly shape: IdxShape; readonly column: Column }> {
  const { memoryLimitBytes = defaultMemoryLimitBytes, cacheFolder } = environment;
  const open = (header: IdxHeader): ByteSink =>
    header.length > memoryLimitBytes ? fileSink(header, scaling, cacheFolder) : memorySink(header, scaling);
  let head = new Uint8Array(0);
  let header: IdxHeader | undefined;
  let sink: ByteSink | undefined;
  let found = 0;
  const take = (bytes: Uint8Array, all: IdxHeader): void => {
    found += bytes.length;
    if (found > all.length) checkIdxLength(all, found);
    sink?.append(bytes);
  };
  const begin = (): void => {
    header = parseIdxHeader(head, file);
    sink = open(header);
    take(head.subarray(header.begin), header);
  };
  try {
    for await (const piece of readPieces(file)) {
      if (header !== undefined) take(piece, header);
      else {
        head = Buffer.concat([head, piece]);
        if (head.length >= idxHeaderBytes) begin();
      }
    }
    if (header === undefined) begin();
    return finish(header ?? parseIdxHeader(head, file), sink, found);
  } catch (error) {
    sink?.discard();
    throw error;
  }
}

function finish(header: IdxHeader, sink: ByteSink | undefined, found: number): { shape: IdxShape; column: Column } {
  checkIdxLength(header, found);
  if (sink === undefined) throw new RangeError("the images have nowhere to go");
  const { dimensions, file } = header;
  return { shape: { dimensions, file }, column: sink.column() };
}

function widthOf({ dimensions }: IdxShape): number {
  return dimensions.slice(1).reduce((product, dimension) => product * dimension, 1);
}

function memorySink(header: IdxHeader, { scale, shift }: ByteScaling): ByteSink {
  const values = new Uint8Array(sharedBuffer(header.length));
  let filled = 0;
  return {
    append(bytes) {
      values.set(bytes, filled);
      filled += bytes.length;
    },
    column: () => ({ kind: "dense", width: widthOf(header), values, scale, shift }),
    discard: () => undefined,
  };
}

function fileSink(header: IdxHeader, { scale, shift }: ByteScaling, cacheFolder: string): ByteSink {
  const records = createRecordFile(cacheFolder);
  const width = widthOf(header);
  return {
    append: (bytes) => records.append(bytes),
    column() {
      records.close();
      const content = { kind: "bytes", width, scale, shift } as const;
      return { kind: "stored", file: records.file, recordBytes: width, begin: 0, at: 0, content };
    },
    discard: () => records.discard(),
  };
}
