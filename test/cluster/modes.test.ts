/** Every consistency mode learns, in one process, through the public API. */
import { describe, expect, it } from "vitest";
import { train, type Consistency, type TypedJob } from "shoal";
import { perceptron } from "../support/perceptron.ts";
import { createWorkplace } from "../support/shoal-command.ts";
import { trainingData } from "../support/training-data.ts";

const data = trainingData();

const job = (consistency: Consistency): TypedJob => ({
  name: "modes",
  model: perceptron([256, 128]),
  data: data.spec,
  optimizer: { name: "adam", learningRate: 0.001 },
  consistency,
  epochs: 3,
});

describe("training through the cluster in one process", () => {
  for (const consistency of [
    { mode: "synchronous" },
    { mode: "bounded", staleness: 3 },
    { mode: "asynchronous" },
  ] as const) {
    it(`reaches 97 % test accuracy in ${consistency.mode} mode`, async () => {
      using workplace = createWorkplace();
      const options = { workers: 2, servers: 2, runs: workplace.folder };
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
