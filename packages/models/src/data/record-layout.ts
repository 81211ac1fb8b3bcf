/** How the columns of a split stand side by side in one record. */
import type { StoredContent } from "./column.ts";
import { contentBytes } from "./stored-reader.ts";

export interface RecordColumn {
  readonly group: "inputs" | "targets";
  readonly name: string;
  readonly content: StoredContent;
  /** First byte within the record; a multiple of 4. */
  readonly at: number;
}

export interface RecordLayout {
  readonly columns: readonly RecordColumn[];
  readonly recordBytes: number;
}

type Contents = Readonly<Record<string, StoredContent>>;

/** No content may be `bytes`: what stands in a record is a row of 32-bit words. */
export function recordLayout(inputs: Contents, targets: Contents): RecordLayout {
  let at = 0;
  const columns: RecordColumn[] = [];
  for (const [group, contents] of [
    ["inputs", inputs],
    ["targets", targets],
  ] as const) {
    for (const [name, content] of Object.entries(contents)) {
      columns.push({ group, name, content, at });
      at += contentBytes(content);
    }
  }
  return { columns, recordBytes: at };
}

/** Takes rows and makes a split of them. */
export interface RowSink {
  /** [recordBytes], to be filled for each row. */
  readonly record: ArrayBuffer;
  /** Takes the row that `record` holds. @throws ShoalError file_not_writable */
  push(): void;
}
