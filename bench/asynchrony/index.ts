/**
 * Asynchronous training in virtual time: 1 to 64 workers, every staleness rule, real gradients through a real shard.
 *
 * Cells that have been played stand in a file of their own (`….cells.jsonl`) and are not played again: an interrupted
 * study goes on; who wants to measure a changed rule removes the file. Tables and a picture are written beside it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Dataset } from "@shoal/models";
import { loadDatasetInThread } from "@shoal/models/host";
import { describeMachine } from "../frame/machine.ts";
import type { Benchmark, BenchmarkContext, Report } from "../frame/report.ts";
import { aimRows } from "./aims.ts";
import type { CellResult } from "./cell.ts";
import { cellsOf, fullScale, shortScale, type StudyCell } from "./grid.ts";
import { playCells } from "./play-cells.ts";
import { renderPlot } from "./plot.ts";
import { openResults } from "./results-file.ts";
import { groupsOf, type Group, type Played } from "./summary.ts";
import { renderTables } from "./tables.ts";

export const benchmark: Benchmark = {
  name: "asynchrony",
  summary: "asynchronous training of MNIST with 1 to 64 workers under each staleness rule, in virtual time",
  run: study,
};

async function study(context: BenchmarkContext): Promise<Report> {
  const isShort = context.short === true;
  const prefix = context.files ?? join(import.meta.dirname, "../results", isShort ? "asynchrony-short" : "asynchrony");
  const threads = context.threads ?? availableParallelism();
  const { processor, cores } = describeMachine();
  context.say(`${processor}, ${cores} cores, ${threads} threads`);
  const dataset = await loadDatasetInThread(
    { type: "mnist" },
    { dataFolder: process.env["SHOAL_DATA"], cacheFolder: join(homedir(), ".cache", "shoal"), log: context.say },
  );
  const since = context.now();
  const cells = cellsOf(isShort ? shortScale : fullScale).filter((one) => nameOf(one).includes(context.only ?? ""));
  const played = await playMissing(cells, dataset, { context, threads, file: `${prefix}.cells.jsonl` });
  const groups = groupsOf(played);
  writeAll(prefix, groups, context);
  const seconds = ((context.now() - since) / 1_000).toFixed(0);
  return {
    rows: aimRows(groups),
    notes: [
      `${dataset.source}; ${cells.length} trainings, those not known from ${prefix}.cells.jsonl in ${seconds} s on ${threads} threads.`,
      "Errors are those of the whole test split after the last update, means over the seeds; time is virtual.",
      `Tables and picture: ${prefix}.md, ${prefix}.svg.`,
    ],
  };
}

interface Playing {
  readonly context: BenchmarkContext;
  readonly threads: number;
  readonly file: string;
}

/** Plays what the file has no result of, and adds it there. */
async function playMissing(
  cells: readonly StudyCell[],
  dataset: Dataset,
  { context, threads, file }: Playing,
): Promise<readonly Played[]> {
  const results = openResults(file, dataset.source);
  const missing = cells.filter(({ cell }) => results.find(cell) === undefined);
  context.say(`${cells.length} cells, ${cells.length - missing.length} of them known from ${file}`);
  let done = 0;
  await playCells(missing, dataset, threads, (studied, result) => {
    results.add(studied.cell, result);
    done += 1;
    context.say(`${done}/${missing.length} ${nameOf(studied)}: ${describeResult(result)}`);
  });
  return cells.flatMap(({ part, cell }) => {
    const result = results.find(cell);
    return result === undefined ? [] : [{ part, cell, result }];
  });
}

function nameOf({ part, cell: { workers, rule, pace, seed, optimizer } }: StudyCell): string {
  const rate = part === "rates" ? ` ${optimizer.learningRate}` : "";
  return `${part}${rate}, ${workers} workers, ${rule}, ${pace} steps, seed ${seed}`;
}

function describeResult({ finalError, stepsToAim, diverged, meanStaleness }: CellResult): string {
  const end = diverged ? "diverged" : `${(100 * finalError).toFixed(2)} % errors`;
  const aim = stepsToAim === null ? "97 % never" : `97 % after ${stepsToAim.toFixed(0)} steps`;
  return `${end}, ${aim}, staleness ${meanStaleness.toFixed(1)}`;
}

function writeAll(prefix: string, groups: readonly Group[], context: BenchmarkContext): void {
  const tables = renderTables(groups);
  context.say(`\n${tables}\n`);
  mkdirSync(dirname(prefix), { recursive: true });
  writeFileSync(`${prefix}.md`, `${tables}\n`);
  writeFileSync(`${prefix}.svg`, renderPlot(groups));
}
