/**
 * What tracing every exchange costs: `npm start`'s job with trace files and without, alternating, each run in a process
 * of its own. The figure is training time as the coordinator measured it.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report } from "../frame/report.ts";

const rounds = 3;
const root = join(import.meta.dirname, "../..");

interface Measured {
  readonly elapsedMs: number;
  readonly samplesPerSecond: number;
  readonly traceBytes: number;
}

export const benchmark: Benchmark = {
  name: "tracing",
  summary: "time of npm start's job with every exchange traced, beside the same job untraced",
  run: measure,
};

async function measure(context: BenchmarkContext): Promise<Report> {
  const traced: Measured[] = [];
  const plain: Measured[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    // Alternating, so that a machine that grows slower (heat, neighbours) does so for both.
    for (const [name, results, options] of [
      ["untraced", plain, ["--no-trace"]],
      ["traced", traced, []],
    ] as const) {
      const measured = await train(options);
      results.push(measured);
      context.say(`round ${round}/${rounds}, ${name}: ${(measured.elapsedMs / 1000).toFixed(2)} s`);
    }
  }
  const [with_, without] = [median(traced), median(plain)];
  return {
    rows: [
      figure("untraced, samples/s", without.samplesPerSecond, "samples/s"),
      figure("traced, samples/s", with_.samplesPerSecond, "samples/s"),
      figure("trace files", with_.traceBytes / 1e6, "MB"),
      compare({
        name: "training time, traced",
        value: with_.elapsedMs,
        unit: "ms",
        limit: without.elapsedMs,
        limitName: "untraced",
        aim: { kind: "at_most", ratio: 1.25 },
      }),
    ],
    notes: [
      `examples/mnist-mlp.ts, 2 workers and 2 servers in one process; median of ${rounds} runs each, alternating.`,
      "Traced: every span of every exchange is recorded and written to a file; none is sampled out or dropped.",
    ],
  };
}

/** One run in a process of its own, its files in a folder of its own. */
async function train(options: readonly string[]): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "shoal-bench-"));
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        "--conditions=shoal-source",
        join(root, "packages/shoal/src/bin.ts"),
        ...["train", join(root, "examples/mnist-mlp.ts"), "--json", "--runs", folder, ...options],
      ],
      { cwd: root, maxBuffer: 64 * 2 ** 20 },
    );
    const values = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const completed = values.find((value) => value["type"] === "completed") as unknown as Measured;
    return { ...completed, traceBytes: bytesIn(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".jsonl"))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function median(results: readonly Measured[]): Measured {
  return results.toSorted((a, b) => a.elapsedMs - b.elapsedMs)[Math.floor(results.length / 2)]!;
}
