import { isShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { parseJobSpec } from "./job-spec.ts";

const job = { name: "small", model: {}, data: {}, optimizer: {} };

function complaint(change: object): string {
  try {
    parseJobSpec({ ...job, ...change });
  } catch (error) {
    if (isShoalError(error, "invalid_job")) return error.message;
    throw error;
  }
  return "none";
}

describe("the form of a job", () => {
  it("leaves gradients, parameters and precision as they are unless it is told otherwise", () => {
    expect(parseJobSpec(job)).toMatchObject({
      parameterGroups: [],
      gradientClip: null,
      microBatch: null,
      precision: "float32",
      lossScale: 1,
      deterministic: false,
      initial: null,
      evaluation: { everySteps: null, metrics: null },
    });
  });

  it.each([
    { parameterGroups: [{ parameters: "*.bias", weightDecay: 0, learningRateScale: 2, frozen: true }] },
    { gradientClip: { norm: 1 } },
    { gradientClip: { value: 0.5 } },
    { microBatch: 16 },
    { accumulation: 4 },
    {
      communication: {
        name: "diloco",
        steps: 500,
        outerLearningRate: 0.7,
        outerMomentum: 0.9,
        fragments: 4,
        delay: 5,
        mixing: 0.5,
      },
    },
    { communication: { name: "easgd", steps: 8, elasticity: 0.2 } },
    { consistency: { mode: "asynchronous", buffer: 4 }, aggregation: "adasum" },
    { precision: "float16", lossScale: "dynamic" },
    { lossScale: 1024 },
    { deterministic: true, initial: { file: "model.safetensors" } },
    { evaluation: { everySteps: 5, metrics: ["auc"] } },
    { stop: { metric: { name: "auc", atLeast: 0.9 } } },
  ])("keeps %j, also when it is checked again", (change) => {
    const parsed = parseJobSpec({ ...job, ...change });
    expect(parsed).toMatchObject(change);
    expect(parseJobSpec(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
  });

  it.each([
    ["job.parameterGroups.0.parameters", { parameterGroups: [{ parameters: "" }] }],
    ["job.parameterGroups.0.weightDecay", { parameterGroups: [{ parameters: "*", weightDecay: -1 }] }],
    ["job.parameterGroups.0", { parameterGroups: [{ parameters: "*", decay: 1 }] }],
    ["job.gradientClip.norm", { gradientClip: { norm: 0 } }],
    ["job.gradientClip", { gradientClip: { norm: 1, value: 1 } }],
    ["job.microBatch", { microBatch: 0 }],
    ["job.accumulation", { accumulation: 0 }],
    ["job.communication.steps", { communication: { name: "local_sgd", steps: 0 } }],
    ["job.communication.elasticity", { communication: { name: "easgd", steps: 8, elasticity: 2 } }],
    ["job.consistency.buffer", { consistency: { mode: "asynchronous", buffer: 0 } }],
    ["job.microBatch", { batchSize: 32, microBatch: 33 }],
    ["job.precision", { precision: "float64" }],
    ["job.lossScale", { lossScale: "auto" }],
    ["job.lossScale", { lossScale: -1 }],
    ["job.initial.file", { initial: { file: "" } }],
    ["job.stop.metric", { stop: { metric: { name: "auc" } } }],
    ["job.stop.metric", { stop: { metric: { name: "auc", atLeast: 1, atMost: 2 } } }],
    ["job.evaluation.metrics.0", { evaluation: { metrics: [""] } }],
  ])("names %s when that is what is wrong", (field, change) => {
    expect(complaint(change)).toContain(`${field}: `);
  });
});
