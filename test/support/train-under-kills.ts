/** One job twice on a cluster of processes: undisturbed, and with nodes that are killed at random. */
import { join } from "node:path";
import { createRandom } from "@shoal/actors";
import { applyTimes, failOverPauses, longestStalls, quantile, type Kill } from "./fail-over-pauses.ts";
import { startKillableCluster, type KillableCluster } from "./killable-cluster.ts";
import { killAtRandom } from "./killing.ts";
import { perceptron } from "./perceptron.ts";
import { seatChanges } from "./seat-changes.ts";
import { tensorBytes } from "./up.ts";

export interface UnderKillsOptions {
  readonly kills: number;
  readonly seed: number;
  readonly role: "server" | "worker" | "coordinator";
  readonly servers: number;
  readonly data: object;
  /** Undisturbed training that one kill is given; default 2.5: a kill, its fail-over and the return of the node take about so long. */
  readonly secondsPerKill?: number;
  readonly dataFolder?: string | undefined;
  readonly log: (sentence: string) => void;
}

export interface Summary {
  readonly count: number;
  /** ms */
  readonly median: number;
  readonly p99: number;
  readonly maximum: number;
}

export interface UnderKillsReport {
  readonly kills: readonly Kill[];
  readonly steps: number;
  readonly isEqual: boolean;
  /** Of the kills that changed a seat; null where none did. */
  readonly pauses: { readonly takenOver: Summary; readonly all: Summary } | null;
  /** Longest time after each kill in which some shard made no version. */
  readonly stoodStill: Summary;
  /** The tenth of the kills after which a shard stood still for longest, the worst first. */
  readonly slowest: readonly ExplainedKill[];
}

export interface ExplainedKill extends Kill {
  /** Longest time in which some shard made no version, ms. */
  readonly stoodStillMs: number;
  /** What the coordinators wrote after the kill, for as long and a little longer. */
  readonly lines: readonly string[];
}

const workers = 2;
const usualSecondsPerKill = 2.5;
const linesOfLog = 400;
const stallWindowMs = 3_000;

/** @throws Error of the run or the killing, with the last words of the coordinators */
export async function trainUnderKills(options: UnderKillsOptions): Promise<UnderKillsReport> {
  await using cluster = await startKillableCluster({
    workers,
    servers: options.servers,
    coordinators: options.role === "coordinator" ? 2 : 1,
    environment: options.dataFolder === undefined ? {} : { SHOAL_DATA: options.dataFolder },
  });
  try {
    return await trainTwice(cluster, options);
  } catch (cause) {
    const lines = cluster
      .log()
      .split("\n")
      .filter((line) => !line.includes("straggler"))
      .slice(-linesOfLog)
      .join("\n");
    throw new Error(`seed ${options.seed}: ${String(cause)}; the coordinators wrote last:\n${lines}`, { cause });
  }
}

async function trainTwice(cluster: KillableCluster, options: UnderKillsOptions): Promise<UnderKillsReport> {
  const { log, seed } = options;
  log(`${options.servers} servers with 1 replica of each shard and ${workers} workers are up`);
  const job = {
    name: "chaos",
    model: perceptron([128]),
    data: options.data,
    optimizer: { name: "adam", learningRate: 0.001 },
    batchSize: 128,
    seed,
    workers,
    shards: 4,
    durability: { replicas: 1 },
  };
  await cluster.completed(await cluster.submit({ ...job, epochs: 1 })); // loads the data
  const first = await cluster.completed(await cluster.submit({ ...job, epochs: 1 }));
  const epochs = Math.ceil((options.kills * (options.secondsPerKill ?? usualSecondsPerKill) * 1000) / first.elapsedMs);
  log(`an epoch of ${first.totalSteps} steps takes ${Math.round(first.elapsedMs)} ms; training ${epochs}, undisturbed`);
  const undisturbed = await cluster.completed(await cluster.submit({ ...job, epochs }));
  log(`undisturbed: ${(undisturbed.elapsedMs / 1000).toFixed(1)} s; again, with ${options.kills} kills`);
  const run = await cluster.submit({ ...job, epochs });
  const random = createRandom(seed);
  const kills = await killAtRandom({
    cluster,
    run,
    nodes: nodesOf(options),
    kills: options.kills,
    random,
    onKill: ({ node }, number) => {
      if (number % 10 === 0) log(`${number} kills, the last of ${node}`);
    },
  });
  const disturbed = await cluster.completed(run);
  log(`disturbed: ${(disturbed.elapsedMs / 1000).toFixed(1)} s`);
  await cluster.end();
  const isEqual = tensorBytes(disturbed.result?.modelFile ?? "").equals(
    tensorBytes(undisturbed.result?.modelFile ?? ""),
  );
  return { kills, steps: disturbed.totalSteps, isEqual, ...(await measure(cluster, run, kills)) };
}

function nodesOf({ role, servers }: UnderKillsOptions): readonly string[] {
  if (role === "coordinator") return ["coordinator", "coordinator-2"];
  return Array.from({ length: role === "server" ? servers : workers }, (_, index) => `${role}-${index + 1}`);
}

async function measure(
  cluster: KillableCluster,
  run: string,
  kills: readonly Kill[],
): Promise<Pick<UnderKillsReport, "pauses" | "stoodStill" | "slowest">> {
  const applied = await applyTimes(join(cluster.runs, run));
  const pauses = failOverPauses(kills, seatChanges(cluster.log()), applied);
  const stalls = longestStalls(kills, applied, stallWindowMs);
  const primaries = pauses.filter(({ takenOver }) => takenOver > 0).map(({ pauseMs }) => pauseMs);
  return {
    stoodStill: summarize(stalls),
    slowest: kills
      .map((kill, index) => ({ ...kill, stoodStillMs: stalls[index] ?? 0 }))
      .toSorted((a, b) => b.stoodStillMs - a.stoodStillMs)
      .slice(0, Math.ceil(kills.length / 10))
      .map((kill) => ({ ...kill, lines: linesAfter(cluster.log(kill.atMs), kill.atMs, 2 * kill.stoodStillMs) })),
    pauses:
      primaries.length === 0
        ? null
        : { takenOver: summarize(primaries), all: summarize(pauses.map(({ pauseMs }) => pauseMs)) },
  };
}

function linesAfter(log: string, atMs: number, forMs: number): readonly string[] {
  const timeOf = (line: string): number => Date.parse(line.slice(0, line.indexOf(" "))) - atMs;
  return log
    .split("\n")
    .filter((line) => timeOf(line) <= forMs)
    .map((line) => `+${timeOf(line)} ms ${line.slice(line.indexOf(" ") + 1)}`);
}

function summarize(values: readonly number[]): Summary {
  const count = values.length;
  return { count, median: quantile(values, 0.5), p99: quantile(values, 0.99), maximum: quantile(values, 1) };
}
