/** The command line of the benchmarks as one function of its parameters. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { listBenchmarks, loadBenchmark } from "./catalog.ts";
import { describeMachine } from "./machine.ts";
import { missedRows, type Benchmark, type BenchmarkContext, type Report } from "./report.ts";
import { renderTable } from "./table.ts";

const usage = "npm run bench -- NAME [--only TEXT] [--short] [--threads N] [--json FILE] [--check]";

/** Where the command finds its benchmarks and what it prints on. */
export interface CommandWorld {
  readonly folder: string;
  readonly print: (text: string) => void;
  readonly context: BenchmarkContext;
}

interface Request {
  readonly name: string;
  readonly only: string | undefined;
  readonly json: string | undefined;
  readonly check: boolean;
  readonly short: boolean;
  readonly threads: number | undefined;
}

/** @returns exit code: 0, 1 when `--check` finds a missed aim, 2 when the parameters make no sense */
export async function runCommand(parameters: readonly string[], world: CommandWorld): Promise<number> {
  const names = listBenchmarks(world.folder);
  const request = parse(parameters, names);
  if (typeof request === "string") {
    world.print(`${request}\n\n${usage}\n\n${await describeAll(world.folder, names)}`);
    return 2;
  }
  const benchmark = await loadBenchmark(world.folder, request.name);
  const startedAt = new Date().toISOString();
  const report = await benchmark.run({
    ...world.context,
    short: request.short,
    ...(request.only === undefined ? {} : { only: request.only }),
    ...(request.threads === undefined ? {} : { threads: request.threads }),
    ...(request.json === undefined ? {} : { files: request.json.replace(/\.json$/, "") }),
  });
  world.print(`${benchmark.name}: ${benchmark.summary}\n\n${renderTable(report)}`);
  if (request.json !== undefined) writeJson(request.json, benchmark, startedAt, report);
  const missed = missedRows(report);
  if (!request.check || missed.length === 0) return 0;
  world.print(
    `\n${missed.length} of ${report.rows.length} rows miss their aim: ${missed.map((row) => row.name).join(", ")}`,
  );
  return 1;
}

/** @returns what is wrong with the parameters where they are no request */
function parse(parameters: readonly string[], names: readonly string[]): Request | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...parameters],
      allowPositionals: true,
      options: {
        only: { type: "string" },
        json: { type: "string" },
        threads: { type: "string" },
        check: { type: "boolean", default: false },
        short: { type: "boolean", default: false },
      },
    });
    const [name, ...rest] = positionals;
    if (name === undefined) return "Which benchmark?";
    if (rest.length > 0) return `One benchmark at a time: ${positionals.join(", ")}`;
    if (!names.includes(name)) return `There is no benchmark ${name}.`;
    const threads = values.threads === undefined ? undefined : Number(values.threads);
    if (threads !== undefined && !(Number.isSafeInteger(threads) && threads > 0)) {
      return `--threads: expected a number from 1 on, not ${values.threads}`;
    }
    const { only, json, check, short } = values;
    return { name, only, json, check, short, threads };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function describeAll(folder: string, names: readonly string[]): Promise<string> {
  if (names.length === 0) return "There are no benchmarks yet.";
  const width = Math.max(...names.map((name) => name.length));
  const all = await Promise.all(names.map((name) => loadBenchmark(folder, name)));
  return all.map((benchmark, index) => `${(names[index] ?? "").padEnd(width)}  ${benchmark.summary}`).join("\n");
}

function writeJson(path: string, benchmark: Benchmark, startedAt: string, report: Report): void {
  const content = { benchmark: benchmark.name, startedAt, machine: describeMachine(), ...report };
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}
