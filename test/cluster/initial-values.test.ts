/** Runs that begin with the parameters of a file. */
import { checkJob } from "@shoal/coordinator";
import { generateDigits, initializeParameters, layoutOf, type ModelSpec } from "@shoal/models";
import type { JobInput, JobSpec } from "@shoal/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { createTrainingSite, startTrainingCluster, type TrainingCluster } from "../support/training-cluster.ts";

const site = await createTrainingSite();
const dataset = generateDigits({ samples: 100, testSamples: 50, seed: 2 });

function modelOf(width: number): ModelSpec {
  return {
    inputs: 784,
    layers: [
      { type: "dense", outputs: width, activation: "relu", name: "body" },
      { type: "dense", outputs: 10, name: "head" },
    ],
    loss: { type: "softmax_cross_entropy" },
  };
}

function jobOf(change: Partial<JobInput>): JobSpec {
  return checkJob({
    name: "digits",
    model: modelOf(8),
    data: { type: "digits", samples: 100, testSamples: 50, seed: 2 },
    optimizer: { name: "sgd", learningRate: 0.1 },
    workers: 2,
    ...change,
  });
}

let cluster: TrainingCluster | undefined;
afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
});

describe("a run that begins with a file", () => {
  it("takes the parameters that are there in name and shape, and draws the others from its seed", async () => {
    cluster = await startTrainingCluster({ site, dataset, servers: 2, workers: 2, computeKind: "inline" });
    const first = await cluster.submit(jobOf({}));
    expect((await cluster.ended(first)).phase).toBe("completed");
    const trained = cluster.model(first).parameters;
    const initial = { file: `/models/${first}.safetensors` };
    // Steps this small change no bit of a float32: what comes out is what it began with.
    const still = { name: "sgd", learningRate: 1e-30 };

    const same = await cluster.submit(jobOf({ initial, optimizer: still, seed: 5 }));
    expect((await cluster.ended(same)).error).toBeNull();
    expect(cluster.model(same).parameters).toEqual(trained);

    const other = { ...modelOf(8), layers: [modelOf(8).layers[0], { type: "dense", outputs: 10, name: "new" }] };
    const fineTuned = await cluster.submit(jobOf({ model: { ...other }, initial, optimizer: still, seed: 5 }));
    expect((await cluster.ended(fineTuned)).error).toBeNull();
    const found = cluster.model(fineTuned);
    const drawn = new Float32Array(found.parameters.length);
    initializeParameters(found.spec, 5, drawn);
    const [headBegin = 0] = layoutOf(found.spec).segments.flatMap(({ name, offset }) =>
      name === "new.weight" ? [offset] : [],
    );
    expect(found.parameters.subarray(0, headBegin)).toEqual(trained.subarray(0, headBegin));
    expect(found.parameters.subarray(headBegin)).toEqual(drawn.subarray(headBegin));
  });

  it("fails with a sentence when the file is missing or has none of its parameters", async () => {
    cluster = await startTrainingCluster({ site, dataset, servers: 1, workers: 1, computeKind: "inline" });
    const missing = await cluster.submit(jobOf({ workers: 1, initial: { file: "/models/none" } }));
    expect((await cluster.ended(missing)).error).toMatchObject({
      message: expect.stringContaining("job.initial.file /models/none: cannot read") as string,
    });
    const first = await cluster.submit(jobOf({ workers: 1 }));
    await cluster.ended(first);
    const initial = { file: `/models/${first}.safetensors` };
    const layers = modelOf(4).layers.map((layer) => ({ ...layer, name: `my-${layer.name}` }));
    const foreign = await cluster.submit(jobOf({ workers: 1, initial, model: { ...modelOf(4), layers } }));
    expect((await cluster.ended(foreign)).error?.message).toContain("the model has my-body.weight [4, 784]");
  });
});
