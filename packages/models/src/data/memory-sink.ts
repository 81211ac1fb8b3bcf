/** Collects rows in shared memory. */
import type { Column, StoredContent } from "./column.ts";
import type { Split } from "./dataset.ts";
import type { RecordColumn, RecordLayout, RowSink } from "./record-layout.ts";
import { sharedBuffer } from "./shared-buffer.ts";

export interface MemorySink extends RowSink {
  split(): Split;
}

interface ColumnSink {
  take(row: number): void;
  column(): Column;
}

const wordBytes = 4;

/**
 * @param count rows that will be pushed
 * @param entries of all sparse rows together; needed where a column is sparse
 */
export function createMemorySink(layout: RecordLayout, count: number, entries = 0): MemorySink {
  const record = new ArrayBuffer(layout.recordBytes);
  const sinks = layout.columns.map((place) => ({ ...place, sink: columnSink(place, record, count, entries) }));
  let rows = 0;
  return {
    record,
    push() {
      for (const { sink } of sinks) sink.take(rows);
      rows += 1;
    },
    split() {
      const columns = (wanted: RecordColumn["group"]): Readonly<Record<string, Column>> =>
        Object.fromEntries(
          sinks.filter(({ group }) => group === wanted).map(({ name, sink }) => [name, sink.column()]),
        );
      return { count, inputs: columns("inputs"), targets: columns("targets") };
    },
  };
}

function columnSink({ content, at }: RecordColumn, record: ArrayBuffer, count: number, entries: number): ColumnSink {
  switch (content.kind) {
    case "floats": {
      const { width } = content;
      const from = new Float32Array(record, at, width);
      const values = new Float32Array(sharedBuffer(count * width * wordBytes));
      return {
        take: (row) => values.set(from, row * width),
        column: () => ({ kind: "dense", width, values, scale: 1, shift: 0 }),
      };
    }
    case "labels": {
      const from = new Int32Array(record, at, 1);
      const values = new Int32Array(sharedBuffer(count * wordBytes));
      return {
        take(row) {
          values[row] = from[0] ?? 0;
        },
        column: () => ({ ...content, kind: "labels", values }),
      };
    }
    case "sparse":
      return sparseSink(content, record, at, count, entries);
    case "bytes":
    case "tokens":
      throw new RangeError(`rows of ${content.kind} are not collected one by one`);
  }
}

function sparseSink(
  { features, active }: Extract<StoredContent, { kind: "sparse" }>,
  record: ArrayBuffer,
  at: number,
  count: number,
  entries: number,
): ColumnSink {
  const words = new Uint32Array(record, at, 1 + active);
  const numbers = new Float32Array(record, at + (1 + active) * wordBytes, active);
  const rowOffsets = new Uint32Array(sharedBuffer((count + 1) * wordBytes));
  const indices = new Uint32Array(sharedBuffer(entries * wordBytes));
  const values = new Float32Array(sharedBuffer(entries * wordBytes));
  return {
    take(row) {
      const begin = rowOffsets[row] ?? 0;
      const length = words[0] ?? 0;
      indices.set(words.subarray(1, 1 + length), begin);
      values.set(numbers.subarray(0, length), begin);
      rowOffsets[row + 1] = begin + length;
    },
    column: () => ({ kind: "sparse", features, active, rowOffsets, indices, values }),
  };
}
