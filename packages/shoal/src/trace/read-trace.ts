/** Reads the trace files of a run back: one `.jsonl` file a node. */
import { closeSync, createReadStream, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ShoalError } from "@shoal/errors";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { tornMark } from "./torn-line.ts";

/**
 * Streams the spans of a run, file after file; a large trace is never held whole by the reader. Half a line, which a killed
 * process leaves, is passed over.
 * @throws ShoalError run_not_found - there is no trace of this run in the folder
 * @throws ShoalError data_corrupt - a line is no span; names file and line
 */
export async function* readTrace(runFolder: string): AsyncGenerator<SpanRecord> {
  const folder = join(runFolder, "trace");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".jsonl")) : [];
  if (files.length === 0) {
    throw new ShoalError("run_not_found", `no trace files in ${folder}; was the run traced on this machine?`, {
      folder,
    });
  }
  for (const name of files.toSorted()) yield* readFile(join(folder, name));
}

async function* readFile(file: string): AsyncGenerator<SpanRecord> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  let number = 0;
  let broken: ShoalError | undefined;
  for await (const line of lines) {
    if (broken !== undefined) throw broken;
    number += 1;
    if (line === "" || line.endsWith(tornMark)) continue;
    const span = parseLine(line);
    if (span !== undefined) yield span;
    else broken = new ShoalError("data_corrupt", `${file}:${number} is no span`, { file, line: number });
  }
  if (broken !== undefined && endsWithLine(file)) throw broken;
}

/** Whether the last line of a file is whole. */
function endsWithLine(file: string): boolean {
  const descriptor = openSync(file, "r");
  try {
    const last = Buffer.alloc(1);
    readSync(descriptor, last, 0, 1, fstatSync(descriptor).size - 1);
    return last[0] === 0x0a;
  } finally {
    closeSync(descriptor);
  }
}

/** @returns undefined when the line is no span */
function parseLine(line: string): SpanRecord | undefined {
  try {
    const record = JSON.parse(line) as SpanRecord;
    const isSpan =
      typeof record.trace === "string" && typeof record.span === "string" && Number.isFinite(record.startUs);
    return isSpan ? record : undefined;
  } catch {
    return undefined;
  }
}
