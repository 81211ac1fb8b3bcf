/**
 * Files of packed records, for data sets that are too large for memory. They live in a folder of the cache and are gone
 * when their data set is released or the process ends; what a killed process left is removed by the next one.
 */
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ShoalError } from "@shoal/errors";
import type { Column, StoredColumn } from "../data/column.ts";
import type { Dataset, Split } from "../data/dataset.ts";

/** Collected before a write. */
const bufferBytes = 1 << 20;

export interface RecordFile {
  readonly file: string;
  /** Copies the bytes. @throws ShoalError file_not_writable */
  append(bytes: Uint8Array): void;
  /** Writes what is left. */
  close(): void;
  /** Closes and removes the file. */
  discard(): void;
}

/** @throws ShoalError file_not_writable */
export function createRecordFile(cacheFolder: string): RecordFile {
  const folder = join(cacheFolder, "records");
  const file = join(folder, `${process.pid}-${randomUUID()}.records`);
  const attempt = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw notWritable(file, error);
    }
  };
  const descriptor = attempt(() => {
    mkdirSync(folder, { recursive: true });
    removeLeftOvers(folder);
    return openSync(file, "wx");
  });
  const buffer = new Uint8Array(bufferBytes);
  let filled = 0;
  let isOpen = true;
  const write = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length;) {
      done += attempt(() => writeSync(descriptor, bytes, done, bytes.length - done));
    }
  };
  const flush = (): void => {
    write(buffer.subarray(0, filled));
    filled = 0;
  };
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  return {
    file,
    append(bytes) {
      if (filled + bytes.length > bufferBytes) flush();
      if (bytes.length > bufferBytes) return write(bytes);
      buffer.set(bytes, filled);
      filled += bytes.length;
    },
    close() {
      flush();
      close();
    },
    discard() {
      close();
      rmSync(file, { force: true });
    },
  };
}

function notWritable(file: string, error: unknown): ShoalError {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const reason = code === "ENOSPC" ? "the disk is full" : `it cannot be written (${code})`;
  const sentence = `${file}: ${reason}; samples of a large data set are kept here while it is used`;
  return new ShoalError("file_not_writable", sentence, { file }, { cause: error });
}

/** Files are named by the process that reads them. */
function removeLeftOvers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number.parseInt(name, 10);
    if (name.endsWith(".records") && Number.isSafeInteger(pid) && !isAlive(pid))
      rmSync(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends nothing
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** The record files that a data set reads. */
export function recordFilesOf({ train, test }: Pick<Dataset, "train" | "test">): readonly string[] {
  const columnsOf = ({ inputs, targets }: Split): Column[] => [...Object.values(inputs), ...Object.values(targets)];
  const stored = [...columnsOf(train), ...columnsOf(test)].filter(
    (column): column is StoredColumn => column.kind === "stored",
  );
  return [...new Set(stored.map(({ file }) => file))];
}

const leftAtExit = new Set<string>();
let isListening = false;

function removeAll(): void {
  for (const file of leftAtExit) rmSync(file, { force: true });
}

/** For the main thread: a thread that loads ends long before its files may go. */
export function removeAtExit(files: readonly string[]): void {
  if (files.length > 0 && !isListening) process.once("exit", removeAll);
  isListening ||= files.length > 0;
  for (const file of files) leftAtExit.add(file);
}

/** Removes the record files of a data set that nobody will open any more; whoever reads them now may go on. */
export function releaseDataset(dataset: Pick<Dataset, "train" | "test">): void {
  for (const file of recordFilesOf(dataset)) removeRecords(file);
}

export function removeRecords(file: string): void {
  rmSync(file, { force: true });
  leftAtExit.delete(file);
}
