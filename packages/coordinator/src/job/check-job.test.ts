import { isShoalError } from "@shoal/errors";
import { describe, expect, it } from "vitest";
import { checkJob } from "./check-job.ts";

const job = {
  name: "mnist",
  model: {
    inputs: 784,
    layers: [
      { type: "dense", outputs: 32, activation: "relu" },
      { type: "dense", outputs: 10 },
    ],
    loss: { type: "softmax_cross_entropy" },
  },
  data: { type: "digits" },
  optimizer: { name: "sgd", learningRate: 0.1 },
};

const asynchronous = { consistency: { mode: "asynchronous" } } as const;

function complaint(input: unknown): string {
  try {
    checkJob(input);
  } catch (error) {
    if (isShoalError(error, "invalid_job")) return error.message.replace("[invalid_job] ", "");
    throw error;
  }
  return "none";
}

describe("the check of a job", () => {
  it("fills in what the job does not say", () => {
    expect(checkJob(job)).toMatchObject({ batchSize: 64, epochs: 1, slots: null, schedule: { name: "constant" } });
    expect(checkJob(checkJob(job))).toEqual(checkJob(job));
  });

  it("refuses what could have no effect, and says what to do", () => {
    expect(complaint({ ...job, prefetch: true })).toBe(
      'job.prefetch: expected false with consistency "synchronous", got true; ' +
        'leave it out, or set consistency to { mode: "asynchronous" }',
    );
    expect(complaint({ ...job, prefetch: true, consistency: { mode: "bounded", staleness: 1 } })).toMatch(
      /^job.prefetch/,
    );
    expect(complaint({ ...job, prefetch: true, consistency: { mode: "asynchronous" } })).toBe("none");
    const handOff = { ...job, stragglers: { handOff: true } };
    expect(complaint(handOff)).toMatch(
      /^job.slots: expected several slots a worker .* set slots, for instance to four/,
    );
    expect(complaint({ ...handOff, slots: 8 })).toBe("none");
  });

  it("names the wrong field of the model, what was expected and what was found", () => {
    const model = { ...job.model, layers: [job.model.layers[0], { type: "dense", outputs: -3 }] };
    expect(complaint({ ...job, model })).toBe("job.model.layers[1].outputs: expected a positive integer, got -3");
  });

  it("shows what was found for every field, whoever checks it", () => {
    expect(complaint({ ...job, epochs: 0 })).toBe("job.epochs: expected number to be >=1, got 0");
    expect(complaint({ ...job, name: undefined })).toBe("job.name: expected string, got nothing");
    expect(complaint({ ...job, data: { type: "netflix" } })).toBe(
      'job.data.type: expected mnist, idx, csv, jsonl, parquet, libsvm, text or digits, got "netflix"',
    );
    expect(complaint({ ...job, optimizer: { name: "sgd", learningRate: -1 } })).toBe(
      "job.optimizer.learningRate: expected number to be >=0, got -1",
    );
    expect(complaint({ ...job, schedule: { name: "weekly" } })).toMatch(/^job\.schedule\.name: .*"weekly"$/);
  });

  it("says what is possible where a name is wrong", () => {
    expect(complaint({ ...job, stragglers: "recomended" })).toBe(
      'job.stragglers: expected "recommended" or an object, got "recomended"',
    );
    expect(complaint({ ...job, encoding: { push: { name: "topk" } } })).toMatch(
      /^job\.encoding\.push\.name: expected one of float32, .*"topk"$/,
    );
    expect(complaint({ ...job, encoding: { pull: { name: "power_sgd", rank: 0 } } })).toBe(
      "job.encoding.pull.rank: expected an integer from 1 to 32, got 0",
    );
    expect(complaint({ ...job, ...asynchronous, staleness: { name: "inverse" } })).toBe(
      "job.staleness.name: no such option; a rule is named as weight: { name }",
    );
  });

  it("knows which metrics the model has, and which one a run may stop at", () => {
    const measured = (metrics: readonly string[], name?: string): object => ({
      ...job,
      evaluation: { metrics },
      ...(name === undefined ? {} : { stop: { metric: { name, atLeast: 0.9 } } }),
    });
    expect(complaint(measured(["f1"]))).toMatch(/^job\.evaluation\.metrics: "f1" is not one of accuracy, auc/);
    expect(complaint(measured(["auc"]))).toContain("auc needs two classes, there are 10");
    expect(complaint(measured(["top_5"], "accuracy"))).toBe(
      'job.stop.metric.name: expected one of top_5, got "accuracy"',
    );
    expect(checkJob(measured(["top_5"], "top_5")).stop.metric).toEqual({ name: "top_5", atLeast: 0.9 });
  });

  it.each([
    ["job.data", { ...job, data: { type: "netflix" } }],
    ["job.optimizer", { ...job, optimizer: { name: "sgd", learningRate: -1 } }],
    ["job.optimizer", { ...job, optimizer: { name: "sgdd" } }],
    ["job.schedule", { ...job, schedule: { name: "weekly" } }],
    ["job.epochs", { ...job, epochs: 0 }],
    ["job.batchSize", { ...job, batchSize: 1.5 }],
    ["job.slots", { ...job, slots: 70_000 }],
    ["job.consistency", { ...job, consistency: { mode: "eventual" } }],
    ["job.guard.action", { ...job, guard: { action: "pray" } }],
    ["job.stragglers.handOff", { ...job, ...asynchronous, stragglers: { handOff: true } }],
    [
      "job.consistency.warmUpSteps",
      { ...job, consistency: { mode: "asynchronous", warmUpSteps: 3 }, stragglers: { adaptiveBatch: true } },
    ],
    ["job.stragglers.predictedWaiting", { ...job, ...asynchronous, stragglers: { predictedWaiting: true } }],
    ["job.aggregation", { ...job, aggregation: "sum", stragglers: { adaptiveBatch: true } }],
    ["job.aggregation", { ...job, aggregation: "adasum", stragglers: { predictedWaiting: true } }],
    ["job.slots", { ...job, slots: 5000, stragglers: { adaptiveBatch: true } }],
    ["job", { ...job, epoch: 3 }],
    ["job", "train please"],
  ])("names %s when that is what is wrong", (field, input) => {
    expect(complaint(input).startsWith(field)).toBe(true);
    expect(complaint(input)).not.toBe("none");
  });

  it("finds groups of parameters that mean nothing", () => {
    const groups = (group: object, optimizer: object = job.optimizer) =>
      complaint({ ...job, optimizer, parameterGroups: [{ parameters: "*", weightDecay: 0 }, group] });
    expect(groups({ parameters: "*.bias", frozen: true })).toBe("none");
    expect(groups({ parameters: "0.weigth" })).toBe(
      "job.parameterGroups[1].parameters: expected the name of a parameter or a pattern, such as 0.weight, 1.weight, " +
        '0.bias, got "0.weigth"',
    );
    expect(complaint({ ...job, parameterGroups: [{ parameters: "*", frozen: true }] })).toMatch(
      /^job\.parameterGroups: expected at least one parameter that is not frozen/,
    );
    expect(groups({ parameters: "*", weightDecay: 1 }, { name: "accumulate" })).toMatch(
      /^job\.parameterGroups\[0\]\.weightDecay: expected none, because the optimiser accumulate has no weight decay/,
    );
  });

  it("finds a model that does not fit a data set of known shape before anything is loaded", () => {
    expect(complaint({ ...job, model: { ...job.model, inputs: 100 } })).toMatch(/^job\.model\.inputs: expected 784/);
    const layers = [{ type: "dense", outputs: 4 }];
    expect(complaint({ ...job, model: { ...job.model, layers } })).toMatch(/^job\.model\.layers: expected at least 10/);
  });
});
