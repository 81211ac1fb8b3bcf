/** Processes that join and leave one synchronous run: none restarts, and the result has the bits of one plain loop. */
import { readFileSync } from "node:fs";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile, generateDigits } from "@shoal/models";
import { expect, it } from "vitest";
import { playElastic } from "../support/elastic-run.ts";
import { startKillableCluster } from "../support/killable-cluster.ts";
import { perceptron } from "../support/perceptron.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { processesOf } from "../support/shoal-command.ts";
import { createTrainingSite } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const data = { samples: 1_600, testSamples: 200, seed: 3 };
const slots = 4;
const job = {
  ...{ name: "elastic", model: perceptron([16]), data: { type: "digits", ...data }, batchSize: 8, epochs: 3 },
  ...{ optimizer: { name: "adam", learningRate: 0.001 }, seed: 5, slots, workers: 2, shards: 8 },
};

it(
  "2 → 4 → 3 workers and 2 → 4 → 3 servers, by notice, leave every bit and every process as it is",
  { timeout: 300_000 },
  async () => {
    const servers = ["server-1", "server-2", "server-3", "server-4"];
    await using cluster = await startKillableCluster({ workers: 2, servers: 2, behindProxies: servers, latencyMs: 12 });
    const { status, events, codes, restarted } = await playElastic(cluster, job, {
      joining: { servers: ["server-3", "server-4"], workers: ["worker-3", "worker-4"] },
      leaving: { servers: ["server-1"], workers: ["worker-1"] },
    });
    const { parameters } = decodeModelFile(readFileSync(status.result?.modelFile ?? ""));
    const plain = trainPlainly(checkJob(job), slots, generateDigits(data), site.kernels, site.memory);
    expect(parameters).toEqual(plain.parameters); // no tolerance
    expect(codes).toEqual({ "server-1": 0, "worker-1": 0 });
    expect(restarted).toEqual([]);
    expect(Object.keys(events.at(-1)?.shards ?? {}).toSorted()).toEqual(["server-2", "server-3", "server-4"]);
    // Nobody is left behind by those who went: what runs is the coordinator, three servers and three workers.
    const left = new Set(cluster.pids().values());
    expect(left.size).toBe(7);
    expect(processesOf(cluster.workplace).filter((pid) => !left.has(pid))).toEqual([]);
  },
);
