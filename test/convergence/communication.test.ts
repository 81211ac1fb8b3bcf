/** Less communication must learn as much: local updates against gradients, with the bytes that each takes. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits } from "@shoal/models";
import type { JobInput } from "@shoal/protocol";
import { expect, test } from "vitest";
import { perceptron } from "../support/perceptron.ts";
import { createTrainingSite, startTrainingCluster } from "../support/training-cluster.ts";
import { countBytes } from "../support/watched-links.ts";

const whole = { fragments: 1, delay: 0, mixing: 0 } as const;

const site = await createTrainingSite();
const data = { samples: 8_000, testSamples: 1_000, seed: 2 };
const dataset = generateDigits(data);

interface Outcome {
  readonly accuracy: number;
  readonly loss: number;
  /** Pushed and pulled by all workers. */
  readonly bytes: number;
}

/** With 4 workers an epoch is 125 batches of 16 for each. */
async function train(change: Partial<JobInput>, workers = 4): Promise<Outcome> {
  const counts = { pushed: 0, pulled: 0 };
  await using cluster = await startTrainingCluster({
    ...{ site, dataset, workers, servers: 2, computeKind: "inline" },
    wrapLinks: (links) => countBytes(links, counts),
  });
  const job = checkJob({
    name: "communication",
    model: perceptron([64]),
    data: { type: "digits", ...data },
    optimizer: { name: "sgd", learningRate: 0.05 },
    batchSize: 16,
    epochs: 5,
    slots: workers,
    workers,
    seed: 3,
    evaluation: { everySteps: 1_000_000 },
    ...change,
  });
  const run = await cluster.submit(job);
  const { phase, result, error } = await cluster.ended(run, 200_000);
  expect({ phase, error }).toEqual({ phase: "completed", error: null });
  return { accuracy: result?.accuracy ?? NaN, loss: result?.loss ?? NaN, bytes: counts.pushed + counts.pulled };
}

test("local SGD, EASGD and DiLoCo with 8 steps between exchanges learn as much as gradients, with an eighth of the bytes", async () => {
  const gradients = await train({});
  expect(gradients.accuracy).toBeGreaterThan(0.85);
  for (const communication of [
    { name: "local_sgd", steps: 8 },
    { name: "easgd", steps: 8, elasticity: 0.225 },
    { name: "diloco", steps: 8, outerLearningRate: 0.7, outerMomentum: 0.9, ...whole },
  ] as const) {
    const local = await train({ communication });
    // 1,000 test samples: one standard deviation of the accuracy is a point.
    expect(local.accuracy).toBeGreaterThan(gradients.accuracy - 0.03);
    // 125 steps of an epoch are 16 rounds, the last one short.
    expect(gradients.bytes / local.bytes).toBeGreaterThan(7.5);
  }
});

test("DiLoCo with 125 steps between exchanges takes 100 times fewer bytes, and its loss is no worse than one worker's", async () => {
  const optimizer = { name: "adamw", learningRate: 0.001 };
  const communication = { name: "diloco", steps: 125, outerLearningRate: 0.7, outerMomentum: 0.9, ...whole } as const;
  const diloco = await train({ optimizer, communication, epochs: 8 });
  const gradients = await train({ optimizer, epochs: 8 });
  // As many steps as each of the four takes: 1,000.
  const alone = await train({ optimizer, epochs: 2 }, 1);
  expect(gradients.bytes / diloco.bytes).toBeGreaterThanOrEqual(100);
  expect(diloco.loss).toBeLessThanOrEqual(alone.loss);
});
