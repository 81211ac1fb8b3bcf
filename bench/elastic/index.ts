/**
 * Workers and servers that join and leave one run of real processes: 2 → 8 → 3 workers, 2 → 4 → 3 servers. Beside it the same
 * job on the two and two that it began with, with several seeds: what the coming and going does to the loss is compared with
 * what seeds do.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { loadDatasetInThread } from "@shoal/models/host";
import type { JobInput, RunStatus } from "@shoal/protocol";
import { playElastic, type ElasticPlan, type ElasticRun } from "../../test/support/elastic-run.ts";
import { startKillableCluster, type KillableCluster } from "../../test/support/killable-cluster.ts";
import { perceptron } from "../../test/support/perceptron.ts";
import { tensorBytes } from "../../test/support/up.ts";
import {
  compare,
  figure,
  type Benchmark,
  type BenchmarkContext,
  type Comparison,
  type Report,
  type Row,
} from "../frame/report.ts";

export const benchmark: Benchmark = {
  name: "elastic",
  summary: "processes that join and leave a run: loss beside that of fixed runs, pauses, shards of each server",
  run: measure,
};

interface Mode {
  readonly name: string;
  readonly job: Pick<JobInput, "consistency" | "optimizer" | "batchSize"> & { readonly slots?: number };
  /** Of 60,000 samples; of the few of the short version. */
  readonly epochs: { readonly whole: number; readonly short: number };
}

const modes: readonly Mode[] = [
  {
    name: "synchronous",
    epochs: { whole: 2, short: 8 },
    job: {
      consistency: { mode: "synchronous" },
      slots: 8,
      batchSize: 16,
      optimizer: { name: "adam", learningRate: 0.001 },
    },
  },
  {
    name: "asynchronous",
    epochs: { whole: 4, short: 12 },
    job: { consistency: { mode: "asynchronous" }, batchSize: 64, optimizer: { name: "sgd", learningRate: 0.1 } },
  },
];

const names = (role: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${role}-${from + index}`);

const plan: ElasticPlan = {
  joining: { servers: names("server", 3, 4), workers: names("worker", 3, 8) },
  leaving: { servers: ["server-1"], workers: ["worker-1", ...names("worker", 4, 7)] },
};
/** Of the lines to servers, each way: steps take tens of milliseconds, so that a run lasts while nodes start. */
const latencyMs = 10;
const seeds = [1, 2, 3];
/** Single runs of three seeds give an estimate of their deviation only. */
const deviations = 3;

async function measure({ say, short = false, only = "" }: BenchmarkContext): Promise<Report> {
  const data = await chosenData(short, say);
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const { name, job, epochs } of modes) {
    if (!name.startsWith(only)) continue;
    const environment = { SHOAL_DATA: process.env["SHOAL_DATA"] };
    await using cluster = await startKillableCluster({
      ...{ workers: 2, servers: 2, environment, latencyMs, behindProxies: names("server", 1, 4) },
    });
    const whole = {
      name: "elastic",
      model: perceptron([64]),
      data,
      workers: 2,
      shards: 8,
      epochs: short ? epochs.short : epochs.whole,
      ...job,
    };
    const fixed: RunStatus[] = [];
    for (const seed of seeds) {
      const { status } = await playElastic(cluster, { ...whole, seed });
      say(`${name}, fixed, seed ${seed}: loss ${lossOf(status).toFixed(4)} in ${seconds(status.elapsedMs)}`);
      fixed.push(status);
    }
    const elastic = await playElastic(cluster, { ...whole, seed: seeds[0] }, plan, say);
    say(`${name}, elastic: loss ${lossOf(elastic.status).toFixed(4)} in ${seconds(elastic.status.elapsedMs)}`);
    rows.push(...rowsOf(name, fixed, elastic));
    notes.push(...notesOf(name, elastic, cluster));
  }
  return { rows: short ? rows.map(withoutAim) : rows, notes };
}

function rowsOf(mode: string, fixed: readonly RunStatus[], { status, events }: ElasticRun): readonly Row[] {
  const losses = fixed.map(lossOf);
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  const deviation = Math.sqrt(losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (losses.length - 1));
  const pauses = events
    .slice(1)
    .map(({ what, longestPauseMs }) => figure(`${mode}: longest pause, ${what}`, longestPauseMs, "ms"));
  const loss: Comparison = {
    name: `${mode}: loss, away from the mean of the fixed runs`,
    ...{ unit: "", value: Math.abs(lossOf(status) - mean), limit: deviation },
    limitName: `one deviation of ${losses.length} seeds`,
    aim: { kind: "at_most", ratio: deviations },
  };
  return [
    figure(`${mode}: mean loss of the fixed runs`, mean, ""),
    compare(loss),
    ...bitsOf(mode, fixed[0], status),
    ...pauses,
  ];
}

/** In synchronous mode who computes changes no bit. */
function bitsOf(mode: string, fixed: RunStatus | undefined, elastic: RunStatus): readonly Row[] {
  if (mode !== "synchronous" || fixed === undefined || fixed.result === null || elastic.result === null) return [];
  const [one, other] = [tensorBytes(fixed.result.modelFile), tensorBytes(elastic.result.modelFile)];
  const different = one.reduce((sum, byte, index) => sum + (byte === other[index] ? 0 : 1), 0);
  return [
    figure(`${mode}: bytes of the model that differ from the fixed run's (seed ${seeds[0] ?? 0})`, different, ""),
  ];
}

function notesOf(mode: string, { events, codes, restarted }: ElasticRun, cluster: KillableCluster): readonly string[] {
  const shards = events.map(
    ({ what, shards: held }) =>
      `${mode}, ${what}: ${Object.entries(held)
        .map(([server, count]) => `${server} ${count}`)
        .join(", ")}`,
  );
  const left = Object.entries(codes).map(([name, code]) => `${name} with ${code}`);
  const same =
    restarted.length === 0 ? "every other process is the one that it was" : `restarted: ${restarted.join(", ")}`;
  return [...shards, `${mode}: ended ${left.join(", ")}; ${same} (${cluster.pids().size} run).`];
}

/** So few steps show what happens, not what it does to a loss. */
function withoutAim({ name, value, unit, limit, limitName }: Row): Row {
  return limit === undefined || limitName === undefined
    ? figure(name, value, unit)
    : compare({ name, value, unit, limit, limitName });
}

function lossOf({ result }: RunStatus): number {
  return result?.loss ?? Number.NaN;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function chosenData(short: boolean, say: (line: string) => void): Promise<JobInput["data"]> {
  if (short) return { type: "digits", samples: 6_000, testSamples: 1_000, seed: 3 };
  const folders = { dataFolder: process.env["SHOAL_DATA"], cacheFolder: join(homedir(), ".cache", "shoal"), log: say };
  try {
    await loadDatasetInThread({ type: "mnist" }, folders);
    return { type: "mnist" };
  } catch (error) {
    say(`MNIST is not there (${String(error)}): generated digits`);
    return { type: "digits", samples: 60_000, testSamples: 10_000, seed: 3 };
  }
}
