/** Plays a range of seeds in several processes. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ScenarioKind } from "./scenario/draw-scenario.ts";
import type { SimulatedRun } from "./simulate-seed.ts";

export interface SeedRange {
  readonly scenario: ScenarioKind;
  readonly from: number;
  readonly count: number;
  readonly processes: number;
  readonly mutation?: string | undefined;
  /** End at the first broken seed. */
  readonly first?: boolean;
  /** Tell of every seed, with all of its events. */
  readonly trace?: boolean;
  /** Told of each broken seed, as it breaks. */
  readonly onPlayed?: (run: SimulatedRun) => void;
}

export interface SeedsPlayed {
  readonly seeds: number;
  readonly virtualMs: number;
  readonly messages: number;
  /** How often they went on with other key ranges. */
  readonly cuts: number;
  readonly phases: Readonly<Record<string, number>>;
  readonly cpuMs: number;
  readonly broken: readonly SimulatedRun[];
}

type Line = ({ readonly type: "played" } & SimulatedRun) | ({ readonly type: "ended" } & Omit<SeedsPlayed, "broken">);

/**
 * Much of what a run makes lives for a moment, and all of it not longer than the run: a larger young generation copies less
 * of it, and a larger old one is not searched after every dozen runs. One process has one core.
 */
const memoryFlags = [
  ...["--min-semi-space-size=64", "--max-semi-space-size=64", "--initial-old-space-size=512"],
  "--single-threaded-gc",
];

export async function runSeeds(range: SeedRange): Promise<SeedsPlayed> {
  const count = Math.min(range.processes, range.count);
  const parts = await Promise.all(Array.from({ length: count }, (_, index) => runPart(range, index, count)));
  const phases: Record<string, number> = {};
  for (const part of parts) {
    for (const [phase, runs] of Object.entries(part.phases)) phases[phase] = (phases[phase] ?? 0) + runs;
  }
  const sum = (of: "seeds" | "virtualMs" | "messages" | "cuts" | "cpuMs"): number =>
    parts.reduce((all, each) => all + each[of], 0);
  const broken = parts.flatMap((part) => part.broken).toSorted((a, b) => a.seed - b.seed);
  return {
    ...{
      seeds: sum("seeds"),
      virtualMs: sum("virtualMs"),
      messages: sum("messages"),
      cuts: sum("cuts"),
      cpuMs: sum("cpuMs"),
    },
    ...{ phases, broken },
  };
}

async function runPart(range: SeedRange, index: number, stride: number): Promise<SeedsPlayed> {
  const { scenario, from, count, mutation, first = false, trace = false, onPlayed } = range;
  const command = [
    ...memoryFlags,
    ...["--conditions=shoal-source", join(import.meta.dirname, "simulation-process.ts")],
    ...["--scenario", scenario, "--from", String(from + index), "--to", String(from + count - 1)],
    ...["--stride", String(stride)],
    ...(mutation === undefined ? [] : ["--mutation", mutation]),
    ...(first ? ["--first"] : []),
    ...(trace ? ["--trace"] : []),
  ];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  let complaint = "";
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("a process of the simulation has no output");
  stderr.setEncoding("utf8").on("data", (text: string) => (complaint = (complaint + text).slice(-4_000)));
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const broken: SimulatedRun[] = [];
  let ended: Omit<SeedsPlayed, "broken"> | undefined;
  for await (const text of createInterface({ input: stdout })) {
    const line = JSON.parse(text) as Line;
    if (line.type === "ended") ended = line;
    else {
      if (line.violations.length > 0) broken.push(line);
      onPlayed?.(line);
    }
  }
  const code = await exited;
  if (ended === undefined) throw new Error(`a process of the simulation ended with ${code}: ${complaint}`);
  return { ...ended, broken };
}
