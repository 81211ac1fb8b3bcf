/** Reads single samples of a column, whatever the column stands on. All numbers written are the reader's own copies. */
import type { Column, SparseColumn, WindowColumn } from "./column.ts";
import type { OpenRecords } from "./record-reader.ts";
import { readerOfStored } from "./stored-reader.ts";

export type ColumnReader =
  | {
      readonly kind: "floats";
      readonly width: number;
      /** Writes [width] elements from `at` on. */
      read(sample: number, into: Float32Array, at: number): void;
    }
  | {
      readonly kind: "bytes";
      readonly width: number;
      readonly scale: number;
      readonly shift: number;
      read(sample: number, into: Uint8Array, at: number): void;
    }
  | { readonly kind: "labels"; readonly classes: number; read(sample: number): number }
  | {
      readonly kind: "tokens";
      readonly length: number;
      readonly vocabulary: number;
      read(sample: number, into: Int32Array, at: number): void;
    }
  | {
      readonly kind: "sparse";
      readonly features: number;
      readonly active: number;
      /** Writes the sample's entries from `at` on; at most `active`. @returns how many they are */
      read(sample: number, indices: Int32Array, values: Float32Array, at: number): number;
    };

/** Borrows the column; a stored one opens its file. @param closers gets what has to be called at the end */
export function readerOf(column: Column, openRecords: OpenRecords, closers: (() => void)[]): ColumnReader {
  switch (column.kind) {
    case "dense": {
      const { width, values, scale, shift } = column;
      const read = (sample: number, into: Uint8Array | Float32Array, at: number): void => {
        into.set(values.subarray(sample * width, (sample + 1) * width), at);
      };
      return values instanceof Uint8Array
        ? { kind: "bytes", width, scale, shift, read }
        : { kind: "floats", width, read };
    }
    case "labels":
      return { kind: "labels", classes: column.classes, read: (sample) => column.values[sample] ?? 0 };
    case "windows":
      return readerOfWindows(column);
    case "sparse":
      return readerOfSparse(column);
    case "stored":
      return readerOfStored(column, openRecords, closers);
  }
}

function readerOfWindows({ vocabulary, length, stride, begin, tokens }: WindowColumn): ColumnReader {
  return {
    kind: "tokens",
    length,
    vocabulary,
    read(sample, into, at) {
      const first = sample * stride + begin;
      into.set(tokens.subarray(first, first + length), at);
    },
  };
}

function readerOfSparse({ features, active, rowOffsets, indices, values }: SparseColumn): ColumnReader {
  return {
    kind: "sparse",
    features,
    active,
    read(sample, intoIndices, intoValues, at) {
      const first = rowOffsets[sample] ?? 0;
      const entries = (rowOffsets[sample + 1] ?? first) - first;
      for (let entry = 0; entry < entries; entry += 1) {
        intoIndices[at + entry] = indices[first + entry] ?? 0;
        intoValues[at + entry] = values === undefined ? 1 : (values[first + entry] ?? 0);
      }
      return entries;
    },
  };
}
