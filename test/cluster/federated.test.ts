/** Federated rounds through a whole cluster in one process: coordinator, shards, a worker that aggregates, clients. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "@shoal/actors";
import type { ChainedRound } from "@shoal/aggregator";
import { checkJob } from "@shoal/coordinator";
import {
  createInlineTrainer,
  createMemoryStorage,
  createUpdateCodec,
  openSession,
  type ClientStorage,
  type SessionEvent,
} from "@shoal/edge-client";
import { loadKernelModules } from "@shoal/kernels-wasm";
import { decodeModelFile, generateDigits, type Split } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { followRun, startLocalCluster, submitRun, type LocalCluster } from "shoal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decideRetention } from "../../packages/coordinator/src/snapshots/retention.ts";
import { resumeRun } from "../../packages/shoal/src/cluster/follow-run.ts";
import { readRounds, verifyRounds } from "../../packages/shoal/src/federated/round-file.ts";
import { createFolderStore } from "../../packages/shoal/src/snapshots/folder-store.ts";
import { createPlayedClient } from "../support/played-client.ts";
import { perceptron } from "../support/perceptron.ts";
import { createWorkplace, runCommand } from "../support/shoal-command.ts";

const rounds = 6;
const job: JobInput = {
  name: "federated",
  model: { ...perceptron([8]) },
  data: { type: "digits", samples: 100, testSamples: 50, seed: 2 },
  optimizer: { name: "sgd", learningRate: 1 },
  federated: {
    ...{ rounds, aggregation: { name: "fedavg", goal: 3 }, selectionSeconds: 5, configurationSeconds: 5 },
    ...{ reportingSeconds: 10, overSelection: 1, local: { learningRate: 0.1 } },
  },
};

let folder: string;
let cluster: LocalCluster;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "shoal-federated-"));
  cluster = await startFederatedCluster();
});
const startFederatedCluster = (log: (note: string) => void = () => undefined): Promise<LocalCluster> =>
  startLocalCluster({ workers: 2, servers: 2, runsFolder: folder, dataFolder: undefined, environment: {}, log });
afterEach(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Every n-th sample, as a split of its own. */
function partOf({ inputs, targets }: Split, number: number, parts: number): Split {
  const { input } = inputs;
  const { output } = targets;
  if (input?.kind !== "dense" || output?.kind !== "labels") throw new Error("digits are dense and have labels");
  const { width } = input;
  const count = Math.floor(output.values.length / parts);
  const rows = Array.from({ length: count }, (_, index) => index * parts + number);
  const values = new (input.values instanceof Uint8Array ? Uint8Array : Float32Array)(count * width);
  rows.forEach((row, at) => values.set(input.values.subarray(row * width, (row + 1) * width), at * width));
  return {
    count,
    inputs: { input: { ...input, values } },
    targets: { output: { ...output, values: Int32Array.from(rows, (row) => output.values[row] ?? 0) } },
  };
}

describe("a federated run", () => {
  it("ends where its clients lead it, round by round", async () => {
    const spec: JobSpec = checkJob(job);
    const run = await submitRun(cluster.system, cluster.coordinator, spec, "one");
    const size = 784 * 8 + 8 + 8 * 10 + 10;
    const target = Float32Array.from({ length: size }, (_, key) => Math.sin(key));
    const clients = ["a", "b", "c", "d"].map((name) => {
      const plane = cluster.planeOf(run).connect(name);
      return createPlayedClient({ name, task: run, plane, clock: systemClock, target, trainMs: 1 });
    });
    for (const client of clients) await client.start().catch(() => undefined);
    let modelFile: string | undefined;
    for await (const status of followRun(cluster.system, cluster.coordinator, run)) {
      expect(status.error).toBeNull();
      modelFile = status.result?.modelFile;
    }
    const { parameters } = decodeModelFile(readFileSync(modelFile ?? ""));
    // Half of the way in each round: what is left of the first values, below 1 in magnitude, is 2^-rounds of it.
    const farthest = Math.max(...parameters.map((value, key) => Math.abs(value - (target[key] ?? 0))));
    expect(farthest).toBeLessThan(2.5 * 2 ** -rounds);
    const accepted = clients.flatMap(({ answers }) => answers.filter(({ kind }) => kind === "accepted"));
    expect(accepted).toHaveLength(3 * rounds);
  });

  it("learns from data that stays with its clients", async () => {
    const { train: all, test } = generateDigits({ samples: 4_000, testSamples: 200, seed: 2 });
    const spec: JobSpec = checkJob({
      ...job,
      model: { ...perceptron([32]) },
      data: { type: "digits", samples: 100, testSamples: 200, seed: 2 },
      federated: {
        ...{ ...job.federated, rounds: 10, overSelection: 1.33, evaluatesOnClients: true },
        ...{ local: { learningRate: 0.1, epochs: 1, batchSize: 10 }, up: [{ name: "int8" }] },
      },
    });
    const run = await submitRun(cluster.system, cluster.coordinator, spec, "two");
    const modules = await loadKernelModules();
    const events: SessionEvent[] = [];
    const sessions = [0, 1, 2, 3].map((number) => {
      const client = `client-${number}`;
      const data = partOf(all, number, 4);
      const trainer = createInlineTrainer({ modules, data, testData: test });
      return openSession({
        ...{
          task: run,
          client,
          plane: cluster.planeOf(run).connect(client),
          trainer,
          codec: createUpdateCodec(modules),
        },
        ...{
          device: { memoryBytes: 1e9, platform: "node" },
          onEvent: (event: SessionEvent) => void events.push(event),
        },
      });
    });
    let accuracy = 0;
    for await (const status of followRun(cluster.system, cluster.coordinator, run)) {
      expect(status.error).toBeNull();
      accuracy = status.result?.accuracy ?? 0;
    }
    await expect(Promise.all(sessions.map(({ ended }) => ended))).resolves.toEqual(
      Array.from({ length: 4 }, () => "all rounds are done"),
    );
    expect(accuracy).toBeGreaterThan(0.9);
    // Each round's values as its members found them on data of their own, before they trained.
    const lines = readFileSync(join(folder, run, "rounds.jsonl"), "utf8")
      .trim()
      .split("\n");
    const records = lines.map((line) => (JSON.parse(line) as ChainedRound).body);
    const measured = records.flatMap((each) => (each.outcome === "committed" ? [each.measuredByClients] : []));
    for (const each of measured) expect(each?.clients).toBeGreaterThanOrEqual(3); // who contributed had measured
    expect(measured[0]?.accuracy).toBeLessThan(0.4); // ten digits, and nothing learnt
    expect(measured.at(-1)?.accuracy).toBeGreaterThan(0.8);
    const closed = events.filter((event) => event.type === "round_closed").map(({ summary }) => summary);
    expect(closed.filter(({ outcome }) => outcome === "committed")).toHaveLength(4 * 10); // told to each of four
    expect(new Set(events.filter(({ type }) => type === "failed"))).toEqual(new Set());
  });

  it("goes on with the same bits from a snapshot on another cluster, and with its clients' controls", async () => {
    const spec: JobSpec = checkJob({
      ...job,
      optimizer: { name: "fedavgm", learningRate: 1, momentum: 0.5 },
      durability: { snapshots: { everySteps: 3, everySeconds: null, keep: 2 } },
      federated: {
        ...{ ...job.federated, rounds: 12, population: 3 },
        // A round lacks nobody for being late: else it is played again.
        ...{ selectionSeconds: 60, configurationSeconds: 60, reportingSeconds: 60 },
        local: { learningRate: 0.05, batchSize: 10, correction: "scaffold" },
      },
    });
    const stays = await submitRun(cluster.system, cluster.coordinator, spec, "stays");
    await comeIn(cluster, stays, new Map()).ended();
    const goes = await submitRun(cluster.system, cluster.coordinator, spec, "goes");
    const kept = new Map<string, ClientStorage>();
    // A snapshot is written while rounds go on: these take their time, and two more follow a whole one.
    const end = { round: Infinity, pauseMs: 100 };
    const first = comeIn(cluster, goes, kept, end);
    await hasSnapshot(goes);
    end.round = first.round() + 2;
    expect(end.round).toBeLessThan(12);
    await first.reached;
    await cluster.close();
    await first.close();
    const { whole } = decideRetention(goes, await createFolderStore(folder).list(`${goes}/snapshots/`), 2);
    expect(whole.length).toBeGreaterThan(0);
    using workplace = createWorkplace();
    const refused = await runCommand(["resume", goes, "--in-process", "--runs", folder], { workplace });
    expect(refused).toMatchObject({ code: 2, text: expect.stringMatching(/trained by clients.* resume .* edge/) });
    const notes: string[] = [];
    cluster = await startFederatedCluster((note) => notes.push(note));
    await resumeRun(cluster.system, cluster.coordinator, goes, whole[0] ?? "", "again");
    await comeIn(cluster, goes, kept).ended();
    const [expected, found] = [stays, goes].map((run) => {
      const { parameters } = decodeModelFile(readFileSync(join(folder, run, "model.safetensors")));
      return parameters;
    });
    expect(found).toEqual(expected); // no tolerance: the same bits
    expect(notes.join()).not.toContain("zero");
    const rounds = await readRounds(folder, goes);
    expect(verifyRounds(rounds)).toMatchObject({ kind: "intact" });
    expect(new Set(rounds.map(({ body }) => body.round)).size).toBe(rounds.length);
  });
});

/** Until a snapshot is whole. */
async function hasSnapshot(run: string): Promise<void> {
  for await (const { snapshots, error } of followRun(cluster.system, cluster.coordinator, run)) {
    expect(error).toBeNull();
    if ((snapshots?.newest ?? null) !== null) return;
  }
  expect.fail(`run ${run} ended without a snapshot`);
}

/** Three clients with data of their own. @param end - the round in whose training they stand still */
function comeIn(
  on: LocalCluster,
  run: string,
  kept: Map<string, ClientStorage>,
  end: { readonly round: number; readonly pauseMs: number } = { round: Infinity, pauseMs: 0 },
) {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  let round = 0;
  const sessions = [0, 1, 2].map(async (number) => {
    const client = `client-${number}`;
    const { train: data } = generateDigits({ samples: 60, testSamples: 1, seed: 10 + number });
    const trainer = createInlineTrainer({ modules: await loadKernelModules(), data });
    const storage = kept.get(client) ?? createMemoryStorage();
    kept.set(client, storage);
    const standing = async (signal: AbortSignal): Promise<never> => {
      resolve();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    };
    return openSession({
      ...{ task: run, client, plane: on.planeOf(run).connect(client), storage },
      trainer: {
        ...trainer,
        train: async (task, work) => {
          round = Math.max(round, work.round);
          await setTimeout(end.pauseMs);
          return work.round < end.round ? trainer.train(task, work) : standing(work.signal);
        },
      },
      codec: createUpdateCodec(await loadKernelModules()),
      device: { memoryBytes: 1e9, platform: "node" },
    });
  });
  return {
    reached,
    round: () => round,
    async ended(): Promise<void> {
      for await (const { error } of followRun(on.system, on.coordinator, run)) expect(error).toBeNull();
      for (const session of sessions) await (await session).ended;
    },
    async close(): Promise<void> {
      for (const session of sessions) await (await session).close();
    },
  };
}
