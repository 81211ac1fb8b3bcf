/** Contributions that come one at a time, and into a buffer that fills over several rounds, through a whole cluster. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@shoal/actors";
import type { ChainedRound, RoundRecord } from "@shoal/aggregator";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile } from "@shoal/models";
import type { FederatedInput, RunStatus } from "@shoal/protocol";
import { followRun, startLocalCluster, submitRun, type LocalCluster } from "shoal";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { perceptron } from "../support/perceptron.ts";
import { createPlayedClient, type PlayedClient } from "../support/played-client.ts";

const size = 784 * 8 + 8 + 8 * 10 + 10;
const target = 0.5;

let folder: string;
let cluster: LocalCluster;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "shoal-buffers-"));
  cluster = await startLocalCluster({
    ...{ workers: 1, servers: 2, runsFolder: folder, dataFolder: undefined, environment: {}, log: () => undefined },
  });
});
afterEach(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

function submit(federated: Pick<FederatedInput, "rounds" | "aggregation"> & Partial<FederatedInput>): Promise<string> {
  const spec = checkJob({
    ...{ name: "buffers", model: { ...perceptron([8]) }, optimizer: { name: "sgd", learningRate: 1 } },
    data: { type: "digits", samples: 100, testSamples: 50, seed: 2 },
    federated: { maximumStaleness: 4, local: { learningRate: 0.1 }, ...federated },
  });
  return submitRun(cluster.system, cluster.coordinator, spec, "one");
}

function comeIn(run: string, name: string, trainMs: number): PlayedClient {
  const plane = cluster.planeOf(run).connect(name);
  const values = new Float32Array(size).fill(target);
  const client = createPlayedClient({ name, task: run, plane, clock: systemClock, target: values, trainMs });
  void client.start();
  return client;
}

async function completed(run: string): Promise<RunStatus> {
  let last: RunStatus | undefined;
  for await (const status of followRun(cluster.system, cluster.coordinator, run)) last = status;
  expect(last?.error).toBeNull();
  return last as RunStatus;
}

function recordsOf(run: string): readonly RoundRecord[] {
  const file = join(folder, run, "rounds.jsonl");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  return lines.map((line) => (JSON.parse(line) as ChainedRound).body);
}

const isCarriedOver = ({ outcome }: RoundRecord): boolean => outcome === "carried_over";

/** Greatest distance of a value from where the clients want it. */
function distanceOf({ result }: RunStatus): number {
  const { parameters } = decodeModelFile(readFileSync(result?.modelFile ?? ""));
  return Math.max(...parameters.map((value) => Math.abs(value - target)));
}

it("a model that is mixed with one client's at a time goes where they want it, whoever is slow", async () => {
  const rounds = 12;
  const aggregation = { name: "fedasync", mixing: 0.8 };
  const run = await submit({ rounds, aggregation, overSelection: 3, selectionSeconds: 0.5 });
  for (const [index, name] of ["a", "b", "c"].entries()) comeIn(run, name, 5 + 20 * index);
  const status = await completed(run);
  const records = recordsOf(run);
  expect(records.filter(({ outcome }) => outcome === "committed")).toHaveLength(rounds);
  const given = records.flatMap(({ round, contributed }) => contributed.list.map((each) => ({ round, ...each })));
  expect(given.some(({ round, baseRound }) => baseRound < round)).toBe(true);
  // A mean with weight w of a model halfway from its base to the target; the least weight is 0.8/√5, of the most stale.
  expect(distanceOf(status)).toBeLessThan(1.5 * (1 - 0.8 / Math.sqrt(5) / 2) ** rounds);
});

it("what came too seldom for one round counts in a later one", async () => {
  const seconds = { selectionSeconds: 0.3, configurationSeconds: 0.3, reportingSeconds: 0.5 };
  const run = await submit({ rounds: 2, aggregation: { name: "fedbuff", buffer: 3 }, ...seconds });
  const first = comeIn(run, "a", 5);
  await eventually("the first contribution", () => first.answers.length > 0, 10_000);
  await eventually("a round that is carried over", () => recordsOf(run).some(isCarriedOver), 10_000);
  for (const name of ["b", "c", "d"]) comeIn(run, name, 5);
  await completed(run);
  const records = recordsOf(run);
  const [carried, ...later] = records.slice(records.findIndex(isCarriedOver));
  expect(carried?.contributed.count).toBe(0);
  expect(carried?.reason).toBe("1 contribution came before the deadline, at least 3 are needed");
  const committed = later.find(({ outcome }) => outcome === "committed");
  expect(committed?.contributed.list).toContainEqual(
    expect.objectContaining({ client: "a", baseRound: carried?.round }),
  );
  expect(committed?.contributed.count).toBe(3);
});
