/**
 * The examples that take minutes, cut short, through the cluster in one process. The README has what the whole
 * of them comes to.
 */
import { describe, expect, it } from "vitest";
import { train, type TrainOptions, type TrainResult, type TypedJob } from "shoal";
import convolutional from "../../examples/mnist-cnn.ts";
import transformer from "../../examples/gpt-shakespeare.ts";
import { createWorkplace } from "../support/shoal-command.ts";
import { textFolder, trainingData } from "../support/training-data.ts";

async function trainIn(job: TypedJob, data: string | undefined): Promise<TrainResult> {
  using workplace = createWorkplace();
  const options: TrainOptions = { workers: 2, servers: 2, runs: workplace.folder };
  return await train(job, data === undefined ? options : { ...options, data });
}

describe("the examples, cut short", () => {
  it("recognises 97 % of the digits after at most one epoch of the convolutional network", async () => {
    const { spec, folder } = trainingData();
    const job: TypedJob = {
      ...convolutional,
      data: spec,
      epochs: 1,
      evaluation: { everySteps: 100 },
      stop: { accuracy: 0.97 },
    };
    const result = await trainIn(job, folder);
    expect(result.accuracy).toBeGreaterThanOrEqual(0.97);
  });

  it("writes better than by pairs of characters after 300 steps of the GPT", async () => {
    const { data } = transformer;
    if (data.type !== "text") throw new TypeError("the example trains on text");
    const job: TypedJob = {
      ...transformer,
      data: { ...data, stride: 280 },
      schedule: { name: "cosine", totalSteps: 299 },
    };
    const result = await trainIn(job, textFolder());
    // The entropy of a character of tiny Shakespeare given the one before it is 2.45 nats; generated text has less.
    expect(result.loss).toBeLessThan(2.4);
  });
});
