/** Where the rows of a split go: into memory, or into a file of records when the data set is too large for that. */
import type { Column } from "../data/column.ts";
import type { Split } from "../data/dataset.ts";
import { createMemorySink } from "../data/memory-sink.ts";
import type { RecordColumn, RecordLayout, RowSink } from "../data/record-layout.ts";
import { createRecordFile } from "./record-folder.ts";
import type { DatasetEnvironment } from "./environment.ts";

/** Bytes of decoded values up to which a data set is kept in memory. */
export const defaultMemoryLimitBytes: number = 256 * 2 ** 20;

export interface SplitSize {
  readonly rows: number;
  /** Of all sparse rows together. */
  readonly entries?: number | undefined;
}

export interface SplitSink extends RowSink {
  split(): Split;
  /** Gives up: removes what has been written. */
  discard(): void;
}

/** One sink for each size, all in memory or all in files. @throws ShoalError file_not_writable */
export function createSplitSinks(
  layout: RecordLayout,
  sizes: readonly SplitSize[],
  environment: Pick<DatasetEnvironment, "cacheFolder" | "memoryLimitBytes">,
): readonly SplitSink[] {
  const limit = environment.memoryLimitBytes ?? defaultMemoryLimitBytes;
  const bytes = sizes.reduce((sum, size) => sum + memoryBytes(layout, size), 0);
  const sinks: SplitSink[] = [];
  try {
    for (const { rows, entries } of sizes) {
      if (bytes > limit) sinks.push(createFileSink(layout, rows, environment.cacheFolder));
      else sinks.push({ ...createMemorySink(layout, rows, entries), discard: () => undefined });
    }
    return sinks;
  } catch (error) {
    for (const sink of sinks) sink.discard();
    throw error;
  }
}

/** Sparse rows are as long in memory as they are; in a file all are as long as the longest. */
function memoryBytes(layout: RecordLayout, { rows, entries = 0 }: SplitSize): number {
  const wordBytes = 4;
  const sparse = layout.columns.find(({ content }) => content.kind === "sparse");
  if (sparse?.content.kind !== "sparse") return rows * layout.recordBytes;
  return rows * (layout.recordBytes - 2 * wordBytes * sparse.content.active) + 2 * wordBytes * entries;
}

function createFileSink(layout: RecordLayout, count: number, cacheFolder: string): SplitSink {
  const { recordBytes } = layout;
  const record = new ArrayBuffer(recordBytes);
  const bytes = new Uint8Array(record);
  const records = createRecordFile(cacheFolder);
  return {
    record,
    push: () => records.append(bytes),
    split() {
      records.close();
      const columns = (wanted: RecordColumn["group"]): Readonly<Record<string, Column>> =>
        Object.fromEntries(
          layout.columns
            .filter(({ group }) => group === wanted)
            .map(({ name, at, content }): [string, Column] => {
              return [name, { kind: "stored", file: records.file, recordBytes, begin: 0, at, content }];
            }),
        );
      return { count, inputs: columns("inputs"), targets: columns("targets") };
    },
    discard: () => records.discard(),
  };
}
