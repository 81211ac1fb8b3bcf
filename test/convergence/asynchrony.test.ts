/**
 * What staleness does to training, and what the rules do about it: real gradients through a real shard in virtual time.
 * `npm run bench -- asynchrony` is the long version.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDatasetInThread } from "@shoal/models/host";
import { expect, test } from "vitest";
import type { Cell, CellResult } from "../../bench/asynchrony/cell.ts";
import { playCell } from "../../bench/asynchrony/play.ts";
import { createStudySite } from "../../bench/asynchrony/site.ts";
import { trainingData } from "../support/training-data.ts";

const { spec, folder } = trainingData();
const dataset = await loadDatasetInThread(spec, {
  dataFolder: folder,
  cacheFolder: join(tmpdir(), "shoal-asynchrony"),
});
const site = await createStudySite(dataset);

/** At this learning rate one worker learns, and 30 are too stale. */
const perceptron = {
  model: "mlp",
  pace: "random",
  seed: 1,
  updates: 5_000,
  batchSize: 32,
  optimizer: { name: "sgd", learningRate: 0.3 },
  lambda: null,
} as const satisfies Partial<Cell>;

function play(differs: Pick<Cell, "workers" | "rule"> & Partial<Cell>): Promise<CellResult> {
  return playCell({ ...perceptron, ...differs }, site);
}

test("30 asynchronous workers fail without a rule and come near to one worker with the default one", async () => {
  const alone = await play({ workers: 1, rule: "none" });
  const plain = await play({ workers: 30, rule: "none" });
  const ruled = await play({ workers: 30, rule: "inverse" });
  expect(ruled.meanStaleness).toBeGreaterThan(25);
  expect(plain.finalError).toBeGreaterThan(0.5);
  // A quarter of the long version's updates: what is left of the way costs less than two points.
  expect(ruled.finalError).toBeLessThan(alone.finalError + 0.02);
  expect(ruled.steps).toBeLessThan(alone.steps / 20);
});

test("8 asynchronous workers with learning rate .01 and batches of 64 learn with the default rule, and not without", async () => {
  const optimizer = { name: "sgd", learningRate: 0.01, momentum: 0.9 } as const;
  // Steps of equal length are the harder case: every push is seven versions old.
  const settings = { workers: 8, pace: "equal", updates: 2_000, batchSize: 64, optimizer } as const;
  const ruled = await play({ ...settings, rule: "inverse" });
  const plain = await play({ ...settings, rule: "none" });
  expect(ruled.finalError).toBeLessThan(0.1);
  expect(plain.finalError).toBeGreaterThan(2 * ruled.finalError);
});

test("8 asynchronous workers at a rate that staleness hurts do better with DC-ASGD-a than with -c or without", async () => {
  const updates = 900;
  const optimizer = { name: "sgd", learningRate: 0.1 } as const;
  const schedule = { name: "cosine", totalSteps: updates } as const;
  const settings = { workers: 8, pace: "equal", batchSize: 128, updates, optimizer, schedule } as const;
  const plain = await play({ ...settings, rule: "none" });
  const constant = await play({ ...settings, rule: "DC-ASGD-c", lambda: 4 });
  // The paper's λ.
  const adaptive = await play({ ...settings, rule: "DC-ASGD-a", lambda: 2 });
  expect(adaptive.finalError).toBeLessThan(constant.finalError);
  expect(adaptive.finalError).toBeLessThan(plain.finalError - 0.01);
  // In so short a run the constant form is within the noise of none, about a point from seed to seed.
  expect(constant.finalError).toBeLessThan(plain.finalError + 0.02);
});
