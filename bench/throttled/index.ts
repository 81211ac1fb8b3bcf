/**
 * Training through a line of 100 Mbit/s with real processes and real gRPC: seconds a step, bytes and accuracy of each
 * encoding, and DiLoCo against one worker's run on the same samples.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { loadDatasetInThread } from "@shoal/models/host";
import type { EncodingSettings, JobInput, RunStatus } from "@shoal/protocol";
import { startLinedCluster, type LinedCluster } from "../../test/support/lined-cluster.ts";
import { perceptron } from "../../test/support/perceptron.ts";
import { openSlowLine, type SlowLine } from "../../test/support/slow-line.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";

const bytesPerSecond = 12_500_000;
const workers = 4;
/** Of a worker; small, so that the line is the limit also where few cores compute for all. */
const batchSize = 32;
const dilocoBatchSize = 64;
/** dense 784-256-10 */
const parameters = 784 * 256 + 256 + 256 * 10 + 10;
const digits = { type: "digits", samples: 4_000, testSamples: 1_000, seed: 3 };
const exact = { name: "float32" };
const topK = { name: "top_k", share: 0.01 };
const plain = "float32";

const encodings: readonly (readonly [name: string, encoding: EncodingSettings])[] = [
  [plain, { push: exact, pull: exact }],
  ["int8 both ways", { push: { name: "int8" }, pull: { name: "int8" } }],
  ["top 1 % up, int4 down", { push: topK, pull: { name: "int4" } }],
  ["top 1 % up, top 5 % down", { push: topK, pull: { name: "top_k", share: 0.05 } }],
];

/** Of MNIST's 938 batches of an epoch, 4 workers take 8 rounds of 118 steps at most. */
const diloco = { name: "diloco", steps: 118, outerLearningRate: 0.7, outerMomentum: 0.8 } as const;
const adamw = { name: "adamw", learningRate: 0.001 };

export const benchmark: Benchmark = {
  name: "throttled",
  summary: "processes that train through a line of 100 Mbit/s: time, bytes and accuracy of encodings and DiLoCo",
  run: measure,
};

interface Played {
  readonly status: RunStatus;
  /** On the line, up and down. */
  readonly lineBytes: number;
}

interface Site extends Pick<BenchmarkContext, "say"> {
  readonly line: SlowLine;
  readonly cluster: LinedCluster;
}

async function measure({ say, short = false, only = "" }: BenchmarkContext): Promise<Report> {
  const data = await chosenData(short, say);
  await using line = await openSlowLine(bytesPerSecond);
  say(`line: ${line.kind}`);
  await using cluster = await startLinedCluster({ line, workers, data: process.env["SHOAL_DATA"] });
  const site = { line, cluster, say };
  const played = new Map<string, Played>();
  for (const [name, encoding] of encodings) {
    if (name !== plain && !name.includes(only)) continue;
    played.set(name, await play(site, name, { ...jobOf(data), encoding }));
  }
  const first = played.get(plain);
  if (first === undefined) throw new Error("nothing to compare with");
  const rows = [...played].flatMap(([name, one]) => rowsOf(name, one, first));
  if ("DiLoCo".includes(only)) rows.push(...(await compareDiloco(site, data, short ? 2 : 16)));
  // What a run begins and ends with, whole vectors for everybody, outweighs a few steps.
  return { rows: short ? rows.map(withoutAim) : rows, notes: notesOf(line, first.status) };
}

async function compareDiloco(site: Site, data: JobInput["data"], epochs: number): Promise<Row[]> {
  const job = { ...jobOf(data), optimizer: adamw, epochs, batchSize: dilocoBatchSize };
  const many = await play(site, "DiLoCo", { ...job, communication: diloco });
  // Exchanges nothing in between: one slot of local updates that the shards take over as they are.
  const alone = await play(site, "one worker", { ...job, slots: 1, communication: { name: "local_sgd", steps: 118 } });
  const [loss, aloneLoss] = [many, alone].map(({ status }) => status.result?.loss ?? NaN) as [number, number];
  return [
    figure("DiLoCo: time of an epoch", many.status.elapsedMs / 1000 / epochs, "s"),
    compare({
      ...{ name: "DiLoCo: bytes of a sample", value: perSample(many), unit: "B" },
      ...{ limit: (2 * 4 * parameters) / dilocoBatchSize, limitName: "a push and a pull each step" },
      aim: { kind: "at_most", ratio: 0.01 },
    }),
    compare({
      ...{ name: "DiLoCo: test loss", value: loss, unit: "", limit: aloneLoss },
      ...{ limitName: "one worker, same samples", aim: { kind: "at_most", ratio: 1 } },
    }),
    figure("DiLoCo: accuracy", 100 * accuracyOf(many), "%"),
    figure("one worker: accuracy", 100 * accuracyOf(alone), "%"),
  ];
}

async function play({ line, cluster, say }: Site, name: string, job: object): Promise<Played> {
  const before = line.passed();
  const status = await cluster.complete(job);
  const after = line.passed();
  const lineBytes = after.up + after.down - before.up - before.down;
  const loss = status.result?.loss ?? NaN;
  say(`${name}: ${(status.elapsedMs / 1000).toFixed(1)} s, ${status.totalSteps} steps, loss ${loss.toFixed(4)}`);
  return { status, lineBytes };
}

function jobOf(data: JobInput["data"]): JobInput {
  return {
    ...{ name: "throttled", model: { ...perceptron([256]) }, data, batchSize, epochs: 1, workers },
    optimizer: { name: "sgd", learningRate: 0.1 },
    evaluation: { everySteps: 1_000_000 },
  };
}

function rowsOf(name: string, one: Played, first: Played): readonly Row[] {
  const { status, lineBytes } = one;
  const step = (of: Played): number => of.status.elapsedMs / of.status.totalSteps;
  const aimed = name.startsWith("top 1 %");
  return [
    figure(`${name}: step`, step(one), "ms"),
    compare({
      ...{ name: `${name}: speed`, value: step(first) / step(one), unit: "×", limit: 1, limitName: plain },
      ...(aimed ? { aim: { kind: "at_least", ratio: 5 } as const } : {}),
    }),
    figure(`${name}: on the line`, lineBytes / 2 ** 20, "MiB"),
    figure(`${name}: bytes of a sample`, perSample(one), "B"),
    figure(`${name}: accuracy`, 100 * accuracyOf(one), "%"),
    compare({
      // A point lost is 0.99 of what is left.
      ...{ name: `${name}: accuracy kept`, value: 1 + accuracyOf(one) - accuracyOf(first), unit: "", limit: 1 },
      ...{ limitName: plain, aim: { kind: "at_least", ratio: 0.99 } as const },
    }),
    figure(`${name}: loss`, status.result?.loss ?? NaN, ""),
  ];
}

function withoutAim({ aim: _aim, met: _met, ...row }: Row): Row {
  return row;
}

function accuracyOf({ status }: Played): number {
  return status.result?.accuracy ?? NaN;
}

/** Of vectors, as they were written. */
function perSample({ status }: Played): number {
  const total = status.traffic?.total;
  return total === undefined ? NaN : (total.pushedAfter + total.pulledAfter) / status.samples;
}

/** MNIST where it is, else generated digits. */
async function chosenData(short: boolean, say: (line: string) => void): Promise<JobInput["data"]> {
  if (short) return digits;
  const folders = { dataFolder: process.env["SHOAL_DATA"], cacheFolder: join(homedir(), ".cache", "shoal"), log: say };
  try {
    await loadDatasetInThread({ type: "mnist" }, folders);
    return { type: "mnist" };
  } catch (error) {
    say(`MNIST is not there (${String(error)}): generated digits`);
    return { ...digits, samples: 60_000, testSamples: 10_000 };
  }
}

function notesOf({ kind }: SlowLine, { dataSource, totalSteps, samples }: RunStatus): readonly string[] {
  const how =
    kind === "namespaces"
      ? "two network namespaces joined by a pair of interfaces with a token bucket (tc tbf) each"
      : "a throttling TCP proxy in front of the server, because network namespaces are not allowed here";
  return [
    `${dataSource}; dense 784-256-10, batch ${batchSize}, ${workers} synchronous worker processes, one server process, gRPC.`,
    `Line: 100 Mbit/s each way, shared by all workers: ${how}.`,
    `Encodings: SGD 0.1, ${totalSteps} steps, ${samples} samples. DiLoCo: AdamW 0.001, batch ${dilocoBatchSize}, ` +
      `${diloco.steps} steps between exchanges, outer rate ${diloco.outerLearningRate} and momentum ${diloco.outerMomentum}.`,
    "On the line: all bytes with their headers. Bytes of a sample: those of vectors, up and down.",
  ];
}
