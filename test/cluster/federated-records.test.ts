/** What a federated run leaves behind, and what it says meanwhile: its log, its privacy, what it waits for. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "@shoal/actors";
import type { ChainedRound } from "@shoal/aggregator";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile } from "@shoal/models";
import type { FederatedInput, JobInput, RunStatus } from "@shoal/protocol";
import { cancelRun, explainRun, followRun, startLocalCluster, submitRun, type LocalCluster } from "shoal";
import { afterEach, beforeEach, expect, it } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { createPlayedClient, type PlayedClient } from "../support/played-client.ts";

const federated: FederatedInput = {
  ...{ rounds: 50, aggregation: { name: "fedavg", goal: 3 }, selectionSeconds: 2, configurationSeconds: 5 },
  ...{ reportingSeconds: 10, overSelection: 1, local: { learningRate: 0.1 } },
};
const jobWith = (given: Partial<FederatedInput>): JobInput => ({
  name: "federated",
  model: { ...perceptron([8]) },
  data: { type: "digits", samples: 100, testSamples: 50, seed: 2 },
  optimizer: { name: "sgd", learningRate: 1 },
  federated: { ...federated, ...given },
});
const size = 784 * 8 + 8 + 8 * 10 + 10;

let folder: string;
let cluster: LocalCluster;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "shoal-federated-"));
  cluster = await startLocalCluster({
    ...{ workers: 2, servers: 2, runsFolder: folder, dataFolder: undefined, environment: {}, log: () => undefined },
  });
});
afterEach(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

function comeIn(run: string, names: readonly string[], keys = size): readonly PlayedClient[] {
  return names.map((name) => {
    const plane = cluster.planeOf(run).connect(name);
    const target = new Float32Array(keys).fill(0.5);
    const client = createPlayedClient({ name, task: run, plane, clock: systemClock, target, trainMs: 1 });
    void client.start();
    return client;
  });
}

async function ended(run: string): Promise<RunStatus> {
  let last: RunStatus | undefined;
  for await (const status of followRun(cluster.system, cluster.coordinator, run)) last = status;
  if (last === undefined) throw new Error("the run has no status");
  return last;
}

const linesOf = (run: string): readonly string[] =>
  readFileSync(join(folder, run, "rounds.jsonl"), "utf8")
    .trim()
    .split("\n");

/** `shoal rounds`, as a person calls it. */
async function rounds(...parameters: readonly string[]): Promise<string> {
  const bin = join(import.meta.dirname, "../../packages/shoal/src/bin.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...["--conditions=shoal-source", bin, "rounds", ...parameters, "--runs", folder],
  ]);
  return stdout;
}

it("a private run ends at its budget, completed, and its log says what each round cost", async () => {
  const privacy = { name: "central", clip: 1, noiseMultiplier: 4, epsilon: 2.2, delta: 1e-5 };
  const run = await submitRun(cluster.system, cluster.coordinator, checkJob(jobWith({ privacy })), "one");
  comeIn(run, ["a", "b", "c", "d"]);
  const status = await ended(run);
  expect(status.phase).toBe("completed");
  expect(status.reason).toMatch(/^the privacy budget is spent: round \d+ would bring ε to 2\.\d+/);
  const records = linesOf(run).map((line) => JSON.parse(line) as ChainedRound);
  const spent = records.map(({ body }) => body.epsilon ?? Infinity);
  expect(records.length).toBeGreaterThan(1);
  expect(spent).toEqual(spent.toSorted((one, other) => one - other));
  expect(Math.max(...spent)).toBeLessThanOrEqual(2.2);
  expect(records.at(-1)?.body.testAccuracy).not.toBeNull();

  const table = await rounds(run, "--verify");
  expect(table).toMatch(/^round +outcome +took/);
  expect(table).toContain(`the log is whole: ${records.length} records`);
});

it("a run says which clients it waits for, and leaves out of its log nobody who went away", async () => {
  const run = await submitRun(cluster.system, cluster.coordinator, checkJob(jobWith({ rounds: 1 })), "two");
  const [first] = comeIn(run, ["a", "b"]);
  const why = async (): Promise<string> => JSON.stringify(await explainRun(cluster.system, cluster.coordinator, run));
  let said = "";
  for (const until = Date.now() + 30_000; !said.includes("2 clients are idle"); said = await why()) {
    if (Date.now() > until) throw new Error(`nobody says what round 1 waits for: ${said}`);
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
  expect(said).toMatch(/before round 1: 2 clients are idle, 3 are needed, for \d+ s/);
  await first?.stop();
  const silent = cluster.planeOf(run).connect("silent");
  const device = { memoryBytes: 1e9, samples: 5, testSamples: 0, encodings: ["float32"], platform: "node" };
  await silent.request({ type: "check_in", device }, 5_000);
  silent.listen((notice) => {
    if (notice.type !== "round_offered") return;
    const { round } = notice.offer;
    void silent.request({ type: "answer_offer", round, takesPart: false, reason: "the battery is low" }, 5_000);
  });
  comeIn(run, ["a", "c", "d"]);
  expect((await ended(run)).phase).toBe("completed");
  const records = linesOf(run).map((line) => JSON.parse(line) as ChainedRound);
  const committed = records.find(({ body }) => body.outcome === "committed");
  expect(committed?.body.contributed.count).toBe(3);
  const dropped = records.flatMap(({ body }) => body.dropped.list);
  for (const { client, reason } of dropped) expect(`${client}: ${reason}`).toMatch(/^\w+: ./);
});

it("a run that is cancelled says so to its clients, in the middle of a round", async () => {
  const run = await submitRun(cluster.system, cluster.coordinator, checkJob(jobWith({ selectionSeconds: 60 })), "four");
  const plane = cluster.planeOf(run).connect("idle");
  const told = new Promise<string>((resolve) => {
    plane.listen((notice) => {
      if (notice.type === "task_over") resolve(notice.reason);
    });
  });
  const device = { memoryBytes: 1e9, samples: 5, testSamples: 0, encodings: ["float32"], platform: "node" };
  for (let isThere = false; !isThere;) {
    const reply = await plane.request({ type: "check_in", device }, 5_000).catch(() => undefined);
    isThere = reply?.type === "checked_in";
  }
  await cancelRun(cluster.system, cluster.coordinator, run);
  await expect(told).resolves.toMatch(/^cancelled while training/);
});

it("layers of their own stay with the clients: they neither travel nor change", async () => {
  const local = { learningRate: 0.1, personal: ["1"] };
  const shared = 784 * 8 + 8;
  const train = async (count: number): Promise<Float32Array> => {
    const spec = checkJob(jobWith({ rounds: count, local }));
    const run = await submitRun(cluster.system, cluster.coordinator, spec, `of ${count}`);
    comeIn(run, ["a", "b", "c"], shared);
    const status = await ended(run);
    return decodeModelFile(readFileSync(status.result?.modelFile ?? "")).parameters;
  };
  const [one, two] = [await train(1), await train(2)];
  expect(two).toHaveLength(size);
  // Halfway to 0.5 twice; the first values are below 0.1 in magnitude.
  for (const value of two.subarray(0, shared)) expect(Math.abs(value - 0.375)).toBeLessThan(0.05);
  expect(two.subarray(shared)).toEqual(one.subarray(shared));
});
