/**
 * Asynchronous training in virtual time: 1 to 64 workers, every staleness rule, real gradients through a real shard.
 *
 * Cells that have been played stand in a file of their own (`….cells.jsonl`) and are not played again: an interrupted
 * study goes on; who wants to measure a changed rule removes the file. Tables and a picture are written beside it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir, availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { loadDatasetInThread } from "@shoal/models/host";
import { describeMachine } from "../frame/machine.ts";
import type { Benchmark, BenchmarkContext, Report } from "../frame/report.ts";
import { aimRows } from "./aims.ts";
import { keyOf, type Cell, type CellResult } from "./cell.ts";
import { cellsOf, fullScale, shortScale, type StudyCell } from "./grid.ts";
import { playCells } from "./play-cells.ts";
import { renderPlot } from "./plot.ts";
import { openResults } from "./results-file.ts";
import { groupsOf, type Played } from "./summary.ts";
import { renderTables } from "./tables.ts";

export const benchmark: Benchmark = {
  name: "asynchrony",
  summary: "asynchronous training of MNIST with 1 to 64 workers under each staleness rule, in virtual time",
  run: study,
};

async function study(context: BenchmarkContext): Promise<Report> {
  const scale = context.short === true ? shortScale : fullScale;
  const prefix =
    context.files ??
    join(import.meta.dirname, "../results", context.short === true ? "asynchrony-short" : "asynchrony");
  const threads = context.threads ?? availableParallelism();
  const { processor, cores } = describeMachine();
  context.say(`${processor}, ${cores} cores, ${threads} threads`);
  const dataset = await loadDatasetInThread(
    { type: "mnist" },
    { dataFolder: process.env["SHOAL_DATA"], cacheFolder: join(homedir(), ".cache", "shoal"), log: context.say },
  );
  const results = openResults(`${prefix}.cells.jsonl`, dataset.source);
  const cells = cellsOf(scale).filter(({ part, cell }) => nameOf(part, cell).includes(context.only ?? ""));
  const missing = cells.filter(({ cell }) => results.find(cell) === undefined);
  context.say(`${cells.length} cells, ${cells.length - missing.length} of them known from ${prefix}.cells.jsonl`);
  const since = context.now();
  const names = new Map(missing.map(({ part, cell }) => [keyOf(cell), nameOf(part, cell)]));
  let done = 0;
  await playCells(
    missing.map(({ cell }) => cell),
    dataset,
    threads,
    (cell, result) => {
      results.add(cell, result);
      done += 1;
      context.say(`${done}/${missing.length} ${names.get(keyOf(cell)) ?? ""}: ${describeResult(result)}`);
    },
  );
  const played = cells.flatMap(({ part, cell }): Played[] => {
    const result = results.find(cell);
    return result === undefined ? [] : [{ part, cell, result }];
  });
  const groups = groupsOf(played);
  const tables = renderTables(groups);
  context.say(`\n${tables}\n`);
  write(`${prefix}.md`, `${tables}\n`);
  write(`${prefix}.svg`, renderPlot(groups.filter(({ part }) => part === "rules")));
  return {
    rows: aimRows(groups),
    notes: [
      `${dataset.source}; ${cells.length} trainings, ${missing.length} of them now, in ${((context.now() - since) / 1000).toFixed(0)} s on ${threads} threads.`,
      "Errors are those of the whole test split after the last update, means over the seeds; time is virtual.",
      `Tables and picture: ${prefix}.md, ${prefix}.svg.`,
    ],
  };
}

function nameOf(part: StudyCell["part"], { workers, rule, pace, seed }: Cell): string {
  return `${part}, ${workers} workers, ${rule}, ${pace} steps, seed ${seed}`;
}

function describeResult({ finalError, stepsToAim, diverged, meanStaleness }: CellResult): string {
  const end = diverged ? "diverged" : `${(100 * finalError).toFixed(2)} % errors`;
  const aim = stepsToAim === null ? "97 % never" : `97 % after ${stepsToAim.toFixed(0)} steps`;
  return `${end}, ${aim}, staleness ${meanStaleness.toFixed(1)}`;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
