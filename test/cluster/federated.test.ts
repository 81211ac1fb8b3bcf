/** Federated rounds through a whole cluster in one process: coordinator, shards, a worker that aggregates, clients. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { followRun, startLocalCluster, submitRun, type LocalCluster } from "shoal";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPlayedClient } from "../support/played-client.ts";
import { perceptron } from "../support/perceptron.ts";

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
  cluster = await startLocalCluster({
    ...{ workers: 2, servers: 2, runsFolder: folder, dataFolder: undefined, environment: {}, log: () => undefined },
  });
});
afterEach(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

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
});
