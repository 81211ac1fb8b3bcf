/**
 * Training through a line of 100 Mbit/s with each encoding: time, bytes and accuracy. Real gradients through real shards,
 * in virtual time, so that only the line and the computing count.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { checkJob } from "@shoal/coordinator";
import { loadDatasetInThread } from "@shoal/models/host";
import type { EncodingSettings, JobSpec } from "@shoal/protocol";
import { trainOverLine, type LineOutcome } from "../../test/support/line-training.ts";
import { createTrainingSite } from "../../test/support/training-cluster.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report, type Row } from "../frame/report.ts";

const workers = 4;
const batchSize = 64;
/** About what this model takes on one core of a laptop. */
const msPerSample = 0.02;
const exact = { name: "float32" };
const topK = { name: "top_k", share: 0.01 };

const cases: readonly (readonly [name: string, encoding: EncodingSettings])[] = [
  ["float32", { push: exact, pull: exact }],
  ["bfloat16 both ways", both({ name: "bfloat16" })],
  ["int8 both ways", both({ name: "int8" })],
  ["int4 both ways", both({ name: "int4" })],
  ["1-bit up, int8 down", { push: { name: "one_bit" }, pull: { name: "int8" } }],
  ["PowerSGD rank 4 up, int8 down", { push: { name: "power_sgd", rank: 4 }, pull: { name: "int8" } }],
  ["top 1 % up, int8 down", { push: topK, pull: { name: "int8" } }],
  ["top 1 % up, int4 down", { push: topK, pull: { name: "int4" } }],
  ["top 1 % up, top 5 % down", { push: topK, pull: { name: "top_k", share: 0.05 } }],
  ["auto up, int4 down", { push: { name: "auto" }, pull: { name: "int4" } }],
];

export const benchmark: Benchmark = {
  name: "bytes",
  summary: "training through 100 Mbit/s with each encoding: time, bytes, accuracy",
  run: measure,
};

function both(spec: EncodingSettings["push"]): EncodingSettings {
  return { push: spec, pull: spec };
}

async function measure({ say, short = false, only = "" }: BenchmarkContext): Promise<Report> {
  const dataset = await loadDatasetInThread(
    { type: "mnist" },
    { dataFolder: process.env["SHOAL_DATA"], cacheFolder: join(homedir(), ".cache", "shoal"), log: say },
  );
  const site = await createTrainingSite();
  const played = new Map<string, LineOutcome>();
  for (const [name, encoding] of cases) {
    if (name !== "float32" && !name.includes(only)) continue;
    const job = jobOf(encoding, short ? 1 : 3);
    const outcome = await trainOverLine({ site, dataset, workers, job, msPerSample });
    say(`${name}: ${(outcome.virtualMs / 1000).toFixed(2)} s, ${(100 * outcome.accuracy).toFixed(2)} %`);
    played.set(name, outcome);
  }
  const plain = played.get("float32");
  if (plain === undefined) throw new Error("nothing to compare with");
  return {
    rows: [...played].flatMap(([name, outcome]) => rowsOf(name, outcome, plain)),
    notes: [
      `${dataset.source}; dense 784-128-10, SGD 0.1, batch ${batchSize}, ${workers} synchronous workers, ${short ? "1 epoch" : "3 epochs"}.`,
      `All workers share one line of 100 Mbit/s each way (200 bytes and 0.2 ms a message); computing takes ${msPerSample} ms a sample. Time is virtual.`,
      "Bytes are those of vectors up and down; the relative error is that of a push by itself, before error feedback.",
    ],
  };
}

function jobOf(encoding: EncodingSettings, epochs: number): JobSpec {
  return checkJob({
    name: "bytes",
    model: {
      inputs: 784,
      layers: [
        { type: "dense", outputs: 128, activation: "relu" },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "mnist" },
    optimizer: { name: "sgd", learningRate: 0.1 },
    evaluation: { everySteps: 1_000_000 },
    ...{ encoding, batchSize, epochs, workers, shards: 2 },
  });
}

function rowsOf(name: string, outcome: LineOutcome, plain: LineOutcome): readonly Row[] {
  const { traffic, virtualMs, accuracy } = outcome;
  const before = traffic.pushedBefore + traffic.pulledBefore;
  const after = traffic.pushedAfter + traffic.pulledAfter;
  const error = traffic.errors === 0 ? 0 : (100 * traffic.errorSum) / traffic.errors;
  return [
    figure(`${name}: time`, virtualMs / 1000, "s"),
    compare({
      name: `${name}: speed`,
      value: plain.virtualMs / virtualMs,
      unit: "×",
      limit: 1,
      limitName: "float32",
      ...(name.startsWith("top 1 %") ? { aim: { kind: "at_least", ratio: 5 } as const } : {}),
    }),
    figure(`${name}: bytes`, after / 2 ** 20, "MiB"),
    figure(`${name}: smaller`, before / after, "×"),
    figure(`${name}: error of a push`, error, "%"),
    figure(`${name}: accuracy`, 100 * accuracy, "%"),
    figure(`${name}: points lost`, 100 * (plain.accuracy - accuracy), "points"),
  ];
}
