/** Reads stored columns by position, on the thread that computes with them. */
import { closeSync, openSync, readSync } from "node:fs";
import { ShoalError } from "@shoal/errors";
import type { RecordReader } from "../data/record-reader.ts";
import { notReadable } from "./read-file.ts";

/** Keeps the file open until `close`. @throws ShoalError data_not_found */
export function openRecordFile(file: string): RecordReader {
  const descriptor = attempt(file, () => openSync(file, "r"));
  return {
    read(position, into) {
      let done = 0;
      while (done < into.length) {
        const read = attempt(file, () => readSync(descriptor, into, done, into.length - done, position + done));
        if (read === 0) throw tooShort(file, position + done);
        done += read;
      }
    },
    close: () => closeSync(descriptor),
  };
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw notReadable(file, error);
  }
}

function tooShort(file: string, position: number): ShoalError {
  return new ShoalError("data_corrupt", `${file}: the file ends within a record (at byte ${position})`, {
    file,
    position,
  });
}
