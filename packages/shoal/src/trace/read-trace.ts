/** Reads the trace files of a run back: one `.jsonl` file a node. */
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ShoalError } from "@shoal/errors";
import type { SpanRecord } from "../telemetry/span-record.ts";

/**
 * Streams the spans of a run, file after file; a large trace is never held whole by the reader.
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
  for await (const line of lines) {
    number += 1;
    if (line !== "") yield parseLine(line, file, number);
  }
}

function parseLine(line: string, file: string, number: number): SpanRecord {
  try {
    const record = JSON.parse(line) as SpanRecord;
    if (typeof record.trace === "string" && typeof record.span === "string" && Number.isFinite(record.startUs)) {
      return record;
    }
  } catch {
    // A half-written last line (killed process) is the usual cause; the error below says where.
  }
  throw new ShoalError("data_corrupt", `${file}:${number} is no span`, { file, line: number });
}
