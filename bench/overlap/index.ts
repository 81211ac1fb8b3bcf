/**
 * How much of the communication is hidden behind computing: one worker with a compute thread, synchronous, over a link
 * of so much bandwidth that the bytes of a step, up and down, take 80 % as long as computing it.
 *
 * Everything is read from the trace. Communication is exposed while nothing is computed: outside `compute`, or within it
 * while the forward pass waits for parameters. What a step costs beside its bytes (messages, the update) counts as exposed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import { attributes, spanNames, type JobSpec } from "@shoal/protocol";
import type { ComputePort } from "@shoal/worker";
import { readTrace, setUpTelemetry, type SpanRecord } from "shoal";
import { createTrainingSite, startTrainingCluster, type TrainingSite } from "../../test/support/training-cluster.ts";
import { compare, figure, type Benchmark, type BenchmarkContext, type Report } from "../frame/report.ts";
import { throttle, type Bandwidth } from "./throttled-link.ts";

/** Narrow before the widest: what the first layer has to push when all is computed can be hidden behind nothing. */
const widths = [784, 64, ...Array.from({ length: 7 }, () => 512), 10];
const shards = 16;
const batchSize = 256;
const steps = 24;
/** Communication beside computing. */
const share = 0.8;
const aim = 0.85;
const followedSteps = 5;
const firstSteps = 5;
const data = { type: "digits", samples: batchSize * steps, testSamples: 8, seed: 2 } as const;

export const benchmark: Benchmark = {
  name: "overlap",
  summary: "the share of communication that is hidden behind computing, from the trace",
  run: measure,
};

/** Of a step: medians over the steps of a run, ms. */
interface Measured {
  readonly stepMs: number;
  readonly computeMs: number;
  readonly communicationMs: number;
  readonly exposedMs: number;
  /** Median of what is exposed of a step's communication. */
  readonly exposedShare: number;
}

async function measure({ say, short = false }: BenchmarkContext): Promise<Report> {
  const site = await createTrainingSite();
  const epochs = short ? 1 : 3;
  say("one after the other");
  const apart = await trainTraced(site, jobOf(false, epochs));
  say("overlapped");
  const together = await trainTraced(site, jobOf(true, epochs));
  return {
    rows: [
      figure("one after the other: step", apart.stepMs, "ms"),
      figure("one after the other: computing", apart.computeMs, "ms"),
      figure("one after the other: communication", apart.communicationMs, "ms"),
      figure("one after the other: exposed", apart.exposedMs, "ms"),
      figure("overlapped: step", together.stepMs, "ms"),
      figure("overlapped: computing", together.computeMs, "ms"),
      figure("overlapped: communication", together.communicationMs, "ms"),
      figure("overlapped: exposed", together.exposedMs, "ms"),
      compare({
        name: "communication hidden",
        value: 100 * (1 - together.exposedShare),
        unit: "%",
        limit: 100,
        limitName: "all of it",
        aim: { kind: "at_least", ratio: aim },
      }),
    ],
    notes: [
      `Dense layers ${widths.join("-")}, batch ${batchSize}, ${(vectorBytes / 2 ** 20).toFixed(1)} MiB in ${shards} shards; ` +
        `one worker, one server, in-process links behind a model of a full-duplex line; ${epochs * steps} steps a run.`,
      "Communication: the time that the line needs for a step's bytes up plus that for its bytes down. One after the other " +
        "they overlap each other, so that less than their sum is exposed there. Each figure is the median over the steps.",
      "The line keeps step with the machine: its bandwidth follows the computing times of the last steps.",
    ],
  };
}

const vectorBytes = widths.slice(1).reduce((sum, width, index) => sum + 4 * ((widths[index] ?? 0) + 1) * width, 0);

function jobOf(overlap: boolean, epochs: number): JobSpec {
  return checkJob({
    name: "overlap",
    model: {
      inputs: 784,
      layers: widths.slice(1).map((outputs, index) => ({
        type: "dense",
        outputs,
        ...(index < widths.length - 2 ? { activation: "relu" } : {}),
      })),
      loss: { type: "softmax_cross_entropy" },
    },
    data,
    optimizer: { name: "sgd", learningRate: 0.01 },
    evaluation: { everySteps: 1_000 },
    batchSize,
    epochs,
    workers: 1,
    shards,
    overlap,
  });
}

async function trainTraced(site: TrainingSite, job: JobSpec): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "shoal-overlap-"));
  const onFailure = (error: unknown): never => {
    throw error;
  };
  const telemetry = setUpTelemetry({ node: "here", runsFolder: folder, traceFiles: true, environment: {}, onFailure });
  const bandwidth: Bandwidth = { bytesPerMs: Infinity };
  try {
    const cluster = await startTrainingCluster({
      ...{ site, dataset: generateDigits(data), servers: 1, workers: 1, computeKind: "thread" },
      wrapLinks: (links) => throttle(links, bandwidth),
      wrapCompute: (compute) => followed(compute, bandwidth),
    });
    const run = await cluster.submit(job);
    const status = await cluster.ended(run, 120_000);
    await cluster[Symbol.asyncDispose]();
    await telemetry.close();
    if (status.phase !== "completed") throw new Error(`${run} is ${status.phase}: ${status.reason}`);
    return summarize(await Array.fromAsync(readTrace(join(folder, run))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sets the bandwidth by the computing: both ways together take `share` of it. */
function followed(compute: ComputePort, bandwidth: Bandwidth): ComputePort {
  const newest: number[] = [];
  return {
    ...compute,
    async gradient(work, overlap) {
      const computed = await compute.gradient(work, overlap);
      newest.push(computed.endedAtMs - computed.startedAtMs - (computed.waitedMs ?? 0));
      if (newest.length > followedSteps) newest.shift();
      bandwidth.bytesPerMs = (2 * vectorBytes) / (share * median(newest));
      return computed;
    },
  };
}

/** All steps but the first, in which the kernels are being compiled, and the last, which pulls nothing. */
function summarize(spans: readonly SpanRecord[]): Measured {
  const begun = new Map<number, SpanRecord>();
  for (const span of spans) if (span.name === spanNames.compute) begun.set(span.startUs, span);
  const computing = [...begun.values()].toSorted((a, b) => a.startUs - b.startUs);
  const all = computing.map((span, index) => {
    const waitedMs = Number(span.attributes[attributes.waitMs] ?? 0);
    const stepMs = ((computing[index + 1]?.startUs ?? NaN) - span.startUs) / 1e3;
    const computeMs = span.durationUs / 1e3 - waitedMs;
    const communicationMs = share * computeMs;
    // The one worker has nothing else to do: what it does not compute it waits for its exchanges.
    const exposedMs = Math.max(0, stepMs - computeMs);
    return { stepMs, computeMs, communicationMs, exposedMs, exposedShare: exposedMs / communicationMs };
  });
  const kept = all.slice(firstSteps, -2);
  const of = (name: keyof Measured): number => median(kept.map((step) => step[name]));
  return {
    stepMs: of("stepMs"),
    computeMs: of("computeMs"),
    communicationMs: of("communicationMs"),
    exposedMs: of("exposedMs"),
    exposedShare: of("exposedShare"),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
