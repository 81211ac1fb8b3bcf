/** For a run of N exchanges: N complete traces; versions and staleness rebuilt from them alone are the shards' record. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import { attributes, spanNames, type JobInput, type LinkFactory, type ShardDescription } from "@shoal/protocol";
import type { ServerHandle } from "@shoal/ps-server";
import {
  collectExchanges,
  readTrace,
  rebuildUpdates,
  setUpTelemetry,
  type RebuiltUpdate,
  type RunStatus,
  type SpanRecord,
  type TelemetryOptions,
} from "shoal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { countCalls, loseCalls, type CallCounts } from "../support/watched-links.ts";
import { createTrainingSite, startTrainingCluster, type TrainingClusterOptions } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 650, testSamples: 100, seed: 2 });
const shards = 3;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-record-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Everything about one traced run: what its spans say, and what was seen without them. */
interface TracedRun {
  readonly status: RunStatus;
  readonly spans: readonly SpanRecord[];
  /** What the shards say of themselves, by shard. */
  readonly record: readonly ShardDescription[];
  readonly counts: CallCounts;
  /** Spans that were begun and never ended. */
  readonly open: number;
}

async function trainTraced(
  change: Partial<JobInput>,
  options: Partial<TrainingClusterOptions> = {},
): Promise<TracedRun> {
  const job = checkJob({
    name: "recorded",
    model: {
      inputs: 784,
      layers: [
        { type: "dense", outputs: 24, activation: "relu" },
        { type: "dense", outputs: 10 },
      ],
      loss: { type: "softmax_cross_entropy" },
    },
    data: { type: "digits", samples: 650, testSamples: 100, seed: 2 },
    optimizer: { name: "sgd", learningRate: 0.05 },
    batchSize: 32,
    epochs: 3,
    workers: 3,
    shards,
    ...change,
  });
  const tally = countSpans();
  const onFailure = (error: unknown): void => expect.fail(String(error));
  const files = { node: "here", runsFolder: folder, traceFiles: true, environment: {}, onFailure };
  const telemetry = setUpTelemetry({ ...files, processors: [tally.processor] });
  const counts: CallCounts = { calls: 0, requests: new Set() };
  const record: ShardDescription[] = [];
  const { wrapLinks = (links: LinkFactory) => links, ...more } = options;
  const cluster = await startTrainingCluster({
    ...{ site, dataset, servers: 2, workers: 3, computeKind: "thread" },
    ...more,
    wrapLinks: (links) => countCalls(wrapLinks(links), counts),
    onModel: async (run) => void record.push(...(await describeShards(cluster.servers, run))),
  });
  const run = await cluster.submit(job);
  const status = await cluster.ended(run);
  await cluster[Symbol.asyncDispose]();
  await telemetry.close();
  expect(cluster.failures).toEqual([]);
  expect(status).toMatchObject({ phase: "completed", error: null });
  const spans = await Array.fromAsync(readTrace(join(folder, run)));
  // No span of the process is missing in the file.
  expect(spans).toHaveLength(tally.ended);
  return { status, spans, record, counts, open: tally.begun - tally.ended };
}

function countSpans() {
  const tally = { begun: 0, ended: 0 };
  const processor: NonNullable<TelemetryOptions["processors"]>[number] = {
    onStart: () => void (tally.begun += 1),
    onEnd: () => void (tally.ended += 1),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  return {
    processor,
    get begun() {
      return tally.begun;
    },
    get ended() {
      return tally.ended;
    },
  };
}

async function describeShards(servers: readonly ServerHandle[], run: string): Promise<ShardDescription[]> {
  const found: Promise<ShardDescription>[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    const ref = servers.map(({ host }) => host.find(run, shard)).find((hosted) => hosted !== undefined);
    const { promise, resolve } = Promise.withResolvers<ShardDescription>();
    ref?.tell({ type: "describe", replyTo: { address: "test/describe", tell: resolve } });
    found.push(promise);
  }
  return Promise.all(found);
}

/** The shards' own record in the form in which a trace is rebuilt. */
function recordedUpdates(record: readonly ShardDescription[]): readonly RebuiltUpdate[] {
  return record.flatMap(({ shard, updates }) =>
    updates.map(({ version, contributions }) => ({
      shard,
      version,
      contributions: contributions
        .map(({ worker, clock, staleness }) => ({ worker, clock, staleness }))
        .toSorted((a, b) => a.worker - b.worker || a.clock - b.clock),
    })),
  );
}

function expectComplete({ spans, counts, open }: TracedRun): void {
  expect(open).toBe(0);
  const { exchanges, orphans, incomplete } = collectExchanges(spans);
  expect(orphans).toEqual([]);
  expect(incomplete).toEqual([]);
  expect(exchanges).toHaveLength(counts.requests.size);
  expect(spans.filter(({ name }) => name === spanNames.send)).toHaveLength(counts.calls);
  const known = new Set(exchanges.map(({ root }) => root.trace));
  const outside = spans.filter(({ trace }) => !known.has(trace));
  expect(outside.filter(({ name }) => name !== spanNames.evaluate)).toEqual([]);
}

function expectRecord({ spans, record, status }: TracedRun): void {
  const recorded = recordedUpdates(record);
  for (let shard = 0; shard < shards; shard += 1) {
    const ofShard = recorded.filter((update) => update.shard === shard);
    expect(ofShard.map(({ version }) => version)).toEqual(ofShard.map((_, index) => index + 1));
    expect(ofShard.flatMap(({ contributions }) => contributions)).toHaveLength(status.totalBatches);
  }
  expect(rebuildUpdates(spans)).toEqual(recorded);
}

/** Outcomes of the exchanges that failed. */
const failuresOf = ({ spans }: TracedRun): readonly unknown[] =>
  spans
    .filter(({ parent, error }) => parent === null && error !== null)
    .map((root) => root.attributes[attributes.outcome]);

const stalenessOf = ({ record }: TracedRun): readonly number[] =>
  recordedUpdates(record).flatMap(({ contributions }) => contributions.map(({ staleness }) => staleness));

const workersOfTheirOwnPace = [
  { name: "asynchronous, pulling ahead", change: { consistency: { mode: "asynchronous" }, prefetch: true } },
  { name: "asynchronous", change: { consistency: { mode: "asynchronous" }, prefetch: false } },
  { name: "bounded", change: { consistency: { mode: "bounded", staleness: 1 }, prefetch: false } },
] as const;

describe.each(["in-process", "grpc"] as const)("the trace of a run over %s links", (wire) => {
  it("is whole and equals the shards' record (synchronous, several slots in one pair of hands)", async () => {
    const traced = await trainTraced({ slots: 5 }, { wire });
    expectComplete(traced);
    expectRecord(traced);
    expect(failuresOf(traced)).toEqual([]);
    expect(new Set(stalenessOf(traced))).toEqual(new Set([0]));
  });

  it.each(workersOfTheirOwnPace)("is whole and equals the shards' record ($name)", async ({ change }) => {
    const traced = await trainTraced(change, { wire });
    expectComplete(traced);
    expectRecord(traced);
    expect(failuresOf(traced)).toEqual([]);
    // Whoever pulls ahead is a step behind for certain; the others are when they meet.
    if (change.prefetch) expect(Math.max(...stalenessOf(traced))).toBeGreaterThan(0);
  });
});

describe("the trace of a run over links that lose calls", () => {
  it.each([{ mode: "synchronous" }, { mode: "asynchronous" }] as const)(
    "is whole and equals the shards' record ($mode)",
    async (consistency) => {
      const losses = { requests: 0, replies: 0 };
      const wrapLinks = (links: LinkFactory): LinkFactory => loseCalls(links, 0.1, losses);
      const traced = await trainTraced({ consistency, epochs: 2 }, { wrapLinks, retry: { attemptMs: 150 } });
      expect(losses.requests).toBeGreaterThan(2);
      expect(losses.replies).toBeGreaterThan(2);
      expect(traced.counts.calls).toBeGreaterThan(traced.counts.requests.size);
      expectComplete(traced);
      expectRecord(traced);
      // A push whose reply was lost may still be repeated when the run is over.
      expect(failuresOf(traced).filter((outcome) => outcome !== "cancelled")).toEqual([]);
    },
  );
});
