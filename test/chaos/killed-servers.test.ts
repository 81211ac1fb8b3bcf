/** Servers killed with SIGKILL while they hold shards that have a copy elsewhere. `npm run chaos` plays more of them. */
import { readFileSync } from "node:fs";
import { createRandom } from "@shoal/actors";
import { checkJob } from "@shoal/coordinator";
import { decodeModelFile, generateDigits } from "@shoal/models";
import { describe, expect, it } from "vitest";
import { startKillableCluster } from "../support/killable-cluster.ts";
import { killAtRandom } from "../support/killing.ts";
import { perceptron } from "../support/perceptron.ts";
import { trainPlainly } from "../support/plain-training.ts";
import { createTrainingSite } from "../support/training-cluster.ts";
import { trainUnderKills } from "../support/train-under-kills.ts";

/** What a fail-over takes on a machine that is busy with other things; with cores to spare it is below 0.8 s. */
const longestPauseMs = 8_000;

describe("servers killed one after the other", () => {
  it("change no bit of a synchronous run, and training goes on each time", async () => {
    const { kills, isEqual, pauses, stoodStill } = await trainUnderKills({
      ...{ kills: 4, seed: 3, role: "server", servers: 3 },
      data: { type: "digits", samples: 6_000, testSamples: 200 },
      // On a busy machine copies are filled again later than the run is slowed down.
      ...{ secondsPerKill: 4, log: () => undefined },
    });
    expect(kills).toHaveLength(4);
    expect(isEqual).toBe(true);
    expect(pauses?.all.maximum).toBeLessThan(longestPauseMs);
    expect(stoodStill.maximum).toBeLessThan(longestPauseMs);
  });
});

describe("O12: one worker and two servers, each of which is killed and started again", () => {
  it("give the parameters of local training, and the worker helps no server", async () => {
    const data = { samples: 2_000, testSamples: 200, seed: 3 };
    const job = {
      name: "restarted",
      model: perceptron([48]),
      data: { type: "digits", ...data },
      optimizer: { name: "adam", learningRate: 0.002 },
      batchSize: 32,
      epochs: 16,
      seed: 5,
      workers: 1,
      durability: { replicas: 1 },
    };
    await using cluster = await startKillableCluster({ workers: 1, servers: 2 });
    const run = await cluster.submit(job);
    await cluster.until(run, ({ batchesDone }) => batchesDone > 20);
    const nodes = ["server-1", "server-2"];
    const kills = await killAtRandom({ cluster, run, nodes, kills: 2, random: createRandom(12) });
    expect(kills).toHaveLength(2);
    const status = await cluster.completed(run);
    const { parameters } = decodeModelFile(readFileSync(status.result?.modelFile ?? ""));
    const site = await createTrainingSite();
    const plain = trainPlainly(checkJob(job), 1, generateDigits(data), site.kernels, site.memory);
    expect(parameters).toEqual(plain.parameters); // no tolerance
  });
});
