/** Every consistency mode learns, in one process, through the public API. */
import { describe, expect, it } from "vitest";
import { train, type Consistency, type TypedJob } from "shoal";
import { perceptron } from "../support/perceptron.ts";
import { createWorkplace } from "../support/shoal-command.ts";
import { trainingData } from "../support/training-data.ts";

const data = trainingData();
const [workers, epochs, batchSize] = [2, 3, 64];
const samples = data.spec.type === "mnist" ? 60_000 : data.spec.samples;

/** A synchronous update takes in a batch of each worker, the others one batch. */
const updates = ({ mode }: Consistency): number =>
  epochs * Math.ceil(samples / (mode === "synchronous" ? workers * batchSize : batchSize));

/**
 * The learning rate falls to zero with the last update. At a constant rate the last values keep wandering: what they
 * reach differs by 0.3 points from one order of arrival to the next, with a falling one by 0.1.
 */
const job = (consistency: Consistency): TypedJob => ({
  name: "modes",
  model: perceptron([256, 128]),
  data: data.spec,
  optimizer: { name: "adam", learningRate: 0.001 },
  schedule: { name: "cosine", totalSteps: updates(consistency) },
  consistency,
  batchSize,
  epochs,
});

describe("training through the cluster in one process", () => {
  for (const consistency of [
    { mode: "synchronous" },
    { mode: "bounded", staleness: 3 },
    { mode: "asynchronous" },
  ] as const) {
    it(`reaches 97 % test accuracy in ${consistency.mode} mode`, async () => {
      using workplace = createWorkplace();
      const options = { workers, servers: 2, runs: workplace.folder };
      const result = await train(
        job(consistency),
        data.folder === undefined ? options : { ...options, data: data.folder },
      );
      expect(result.accuracy).toBeGreaterThanOrEqual(0.97);
      expect(result.status.batchesDone).toBe(result.status.totalBatches);
      expect(result.status.evaluations.length).toBeGreaterThanOrEqual(2);
      const stale = result.status.stalenessMax;
      if (consistency.mode === "synchronous") expect(stale).toBe(0);
    });
  }

  it("stops early at the accuracy that the job asks for", async () => {
    using workplace = createWorkplace();
    const early = { ...job({ mode: "synchronous" }), epochs: 50, stop: { accuracy: 0.9 } };
    const options = { runs: workplace.folder };
    const result = await train(early, data.folder === undefined ? options : { ...options, data: data.folder });
    expect(result.accuracy).toBeGreaterThanOrEqual(0.9);
    expect(result.status.batchesDone).toBeLessThan(result.status.totalBatches);
    expect(result.status.reason).toMatch(/accuracy/);
  });

  it("is stopped by a signal, with a typed error", async () => {
    using workplace = createWorkplace();
    const controller = new AbortController();
    const small: TypedJob = {
      ...job({ mode: "asynchronous" }),
      data: { type: "digits", samples: 2_000, testSamples: 200 },
      epochs: 10_000,
    };
    const running = train(small, {
      runs: workplace.folder,
      signal: controller.signal,
      onProgress: (status) => {
        if (status.batchesDone > 10) controller.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
  });
});
