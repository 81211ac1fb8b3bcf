/** Reads samples of a stored column: each by one read at its position. */
import type { StoredColumn, StoredContent } from "./column.ts";
import type { ColumnReader } from "./column-reader.ts";
import type { OpenRecords } from "./record-reader.ts";

const wordBytes = 4;

/** Bytes that one sample of a column takes within a record. */
export function contentBytes(content: StoredContent): number {
  switch (content.kind) {
    case "floats":
      return content.width * wordBytes;
    case "bytes":
      return content.width;
    case "labels":
      return wordBytes;
    case "tokens":
      return content.length * wordBytes;
    case "sparse":
      return (1 + 2 * content.active) * wordBytes;
  }
}

/** Opens the column's file and keeps it open until the closer is called. */
export function readerOfStored(column: StoredColumn, openRecords: OpenRecords, closers: (() => void)[]): ColumnReader {
  const { content, begin, at: offset, recordBytes } = column;
  const records = openRecords(column.file);
  closers.push(() => records.close());
  const bytes = new Uint8Array(Math.ceil(contentBytes(content) / wordBytes) * wordBytes);
  const sampleBytes = bytes.subarray(0, contentBytes(content));
  const fetch = (sample: number): void => records.read(begin + sample * recordBytes + offset, sampleBytes);
  const floats = new Float32Array(bytes.buffer);
  const integers = new Int32Array(bytes.buffer);
  switch (content.kind) {
    case "floats":
      return {
        ...content,
        kind: "floats",
        read(sample, into, at) {
          fetch(sample);
          into.set(floats, at);
        },
      };
    case "bytes":
      return {
        ...content,
        kind: "bytes",
        read(sample, into, at) {
          fetch(sample);
          into.set(sampleBytes, at);
        },
      };
    case "labels":
      return {
        ...content,
        kind: "labels",
        read(sample) {
          fetch(sample);
          return integers[0] ?? 0;
        },
      };
    case "tokens":
      return {
        ...content,
        kind: "tokens",
        read(sample, into, at) {
          fetch(sample);
          into.set(integers, at);
        },
      };
    case "sparse":
      return {
        ...content,
        kind: "sparse",
        read(sample, intoIndices, intoValues, at) {
          fetch(sample);
          const entries = Math.min(integers[0] ?? 0, content.active);
          intoIndices.set(integers.subarray(1, 1 + entries), at);
          intoValues.set(floats.subarray(1 + content.active, 1 + content.active + entries), at);
          return entries;
        },
      };
  }
}
