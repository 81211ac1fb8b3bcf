/** A worker that leaves keeps what it has left unsent for its next life; what dies with one is counted. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { RunStatus } from "@shoal/protocol";
import { createMemoryStateStore } from "@shoal/worker";
import { expect, test } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { createTrainingSite, startTrainingCluster } from "../support/training-cluster.ts";

const data = { type: "digits", samples: 6_000, testSamples: 100, seed: 2 } as const;
const site = await createTrainingSite();
const dataset = generateDigits(data);

const job = (saveEvery: number | null) =>
  checkJob({
    ...{ name: "leaving", model: perceptron([64]), data, batchSize: 16, epochs: 6, workers: 2, seed: 3 },
    optimizer: { name: "sgd", learningRate: 0.05 },
    consistency: { mode: "asynchronous" },
    encoding: { push: { name: "top_k", share: 0.02 }, saveEvery },
    evaluation: { everySteps: 1_000_000 },
  });

/** Worker 2 ends in the middle of the run and comes again. */
async function leaveAndReturn(how: "leaves" | "dies", saveEvery: number | null): Promise<RunStatus> {
  await using cluster = await startTrainingCluster({
    ...{ site, dataset, workers: 2, servers: 1, computeKind: "thread" },
    states: createMemoryStateStore(),
    settings: { leaseMs: 600, heartbeatMs: 100 },
  });
  const run = await cluster.submit(job(saveEvery));
  while ((await cluster.status(run)).batchesDone < 150) await new Promise((resolve) => setTimeout(resolve, 20));
  const [, second] = cluster.workers;
  if (how === "leaves") await second?.handle.close();
  await second?.kill();
  cluster.addWorker("worker-2");
  return await cluster.ended(run, 100_000);
}

test.each([
  ["leaves", null, 0],
  ["dies", 5, 0],
  ["dies", null, 1],
] as const)("a worker that %s, saved every %s steps, loses what it left unsent %i times", async (how, every, lost) => {
  const { phase, error, traffic } = await leaveAndReturn(how, every);
  expect({ phase, error }).toEqual({ phase: "completed", error: null });
  expect(traffic?.unsent?.lostWorkers).toBe(lost);
  expect(traffic?.unsent?.norm).toBeGreaterThan(0);
});
