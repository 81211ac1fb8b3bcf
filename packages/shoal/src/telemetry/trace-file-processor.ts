/**
 * Writes every finished span to the trace file of its run, one JSON line each. Nothing is dropped: at `flushAt`
 * buffered spans the buffer is written at once, in between every `flushMs`.
 *
 * Spans name their run by the attribute `shoal.run`; those without one belong to no run and are not kept.
 * Bounds: `flushAt` spans in memory; files of the `openRuns` newest runs are open.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { attributes } from "@shoal/protocol";
import { notWritable } from "../environment/folders.ts";
import { tornMark } from "../trace/torn-line.ts";
import { recordOf } from "./span-record.ts";

const flushAt = 2048;
const flushMs = 500;
const openRuns = 8;

export interface TraceFileOptions {
  /** Trace files are `<runsFolder>/<run>/trace/<node>.jsonl`. */
  readonly runsFolder: string;
  readonly node: string;
  /** Told once when a file cannot be written; tracing to files then ends, the run goes on. */
  readonly onFailure: (error: unknown) => void;
}

export function createTraceFileProcessor(options: TraceFileOptions): SpanProcessor {
  let buffer: ReadableSpan[] = [];
  let failed = false;
  const files = new Map<string, number>();

  const fileOf = (run: string): number => {
    const open = files.get(run);
    if (open !== undefined) return open;
    const folder = join(options.runsFolder, run, "trace");
    mkdirSync(folder, { recursive: true });
    const file = openSync(join(folder, `${options.node}.jsonl`), "a+");
    endTornLine(file);
    files.set(run, file);
    for (const [oldest, descriptor] of files) {
      if (files.size <= openRuns) break;
      closeSync(descriptor);
      files.delete(oldest);
    }
    return file;
  };

  const flush = (): void => {
    const spans = buffer;
    buffer = [];
    if (failed || spans.length === 0) return;
    try {
      for (const [run, lines] of linesByRun(spans, options.node)) writeSync(fileOf(run), lines.join(""));
    } catch (error) {
      failed = true;
      options.onFailure(notWritable(`trace files below ${options.runsFolder}`, error));
    }
  };

  const timer = setInterval(flush, flushMs);
  timer.unref();

  return {
    onStart: () => undefined,
    onEnd: (span) => {
      if (failed) return;
      buffer.push(span);
      if (buffer.length >= flushAt) flush();
    },
    forceFlush: () => Promise.resolve(flush()),
    shutdown: () => {
      clearInterval(timer);
      flush();
      for (const file of files.values()) closeSync(file);
      files.clear();
      return Promise.resolve();
    },
  };
}

/** A process that was killed may have left half a line: it must not swallow the next one. */
function endTornLine(file: number): void {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  if (size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a) writeSync(file, `${tornMark}\n`);
}

function linesByRun(spans: readonly ReadableSpan[], node: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const span of spans) {
    const run = span.attributes[attributes.run];
    if (typeof run !== "string") continue;
    let ofRun = lines.get(run);
    if (ofRun === undefined) lines.set(run, (ofRun = []));
    ofRun.push(`${JSON.stringify(recordOf(span, node))}\n`);
  }
  return lines;
}
