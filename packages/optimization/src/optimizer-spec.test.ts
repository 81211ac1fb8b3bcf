import { describe, expect, it } from "vitest";
import { baseLearningRateOf, parseOptimizerSpec } from "./index.ts";

describe("an optimiser specification", () => {
  it("gets PyTorch's defaults for what it leaves out", () => {
    expect(parseOptimizerSpec({ name: "sgd" })).toEqual({
      ...{ name: "sgd", learningRate: 0.001, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false },
    });
    expect(parseOptimizerSpec({ name: "adamw", learningRate: 0.5 })).toEqual({
      ...{ name: "adamw", learningRate: 0.5, betas: [0.9, 0.999], epsilon: 1e-8, amsgrad: false, weightDecay: 0.01 },
    });
    expect(parseOptimizerSpec({ name: "lamb" })).toMatchObject({ epsilon: 1e-6, weightDecay: 0.01 });
    expect(parseOptimizerSpec({ name: "lars" })).toMatchObject({ momentum: 0.9, trust: 0.001 });
    expect(parseOptimizerSpec({ name: "ftrl" })).toEqual({
      name: "ftrl",
      learningRate: 0.1,
      beta: 1,
      l1: 0,
      l2: 0,
      initialAccumulator: 0,
    });
    expect(baseLearningRateOf({ name: "adadelta" })).toBe(1);
    expect(baseLearningRateOf({ name: "accumulate" })).toBe(1);
  });

  it("is JSON, and checking it twice changes nothing", () => {
    for (const name of [
      "sgd",
      "adam",
      "adamw",
      "adagrad",
      "rmsprop",
      "adadelta",
      "lamb",
      "lars",
      "ftrl",
      "accumulate",
      "average",
      "fedavgm",
      "fedadagrad",
      "fedadam",
      "fedyogi",
    ]) {
      const spec = parseOptimizerSpec({ name });
      expect(parseOptimizerSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
    }
  });

  it.each([
    [undefined, "optimizer", /expected an object/],
    [[], "optimizer", /expected an object/],
    [{}, "optimizer.name", /expected one of sgd, adam/],
    [{ name: "lion" }, "optimizer.name", /found "lion"/],
    [{ name: "constructor" }, "optimizer.name", /found "constructor"/],
    [{ name: "sgd", momentum: -1 }, "optimizer.momentum", />=0/],
    [{ name: "sgd", learningRate: Infinity }, "optimizer.learningRate", /expected number/],
    [{ name: "sgd", learningRate: "0.1" }, "optimizer.learningRate", /expected number/],
    [{ name: "sgd", lr: 0.1 }, "optimizer", /lr/],
    [{ name: "sgd", nesterov: true }, "optimizer.nesterov", /momentum above 0/],
    [{ name: "adam", betas: [0.9, 1] }, "optimizer.betas.1", /<1/],
    [{ name: "adam", betas: [0.9] }, "optimizer.betas", /expected/],
    [{ name: "rmsprop", centered: 1 }, "optimizer.centered", /boolean/],
  ])("says what is wrong with %j", (spec, field, expectation) => {
    try {
      parseOptimizerSpec(spec);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "invalid_argument", details: { field } });
      expect((error as Error).message).toMatch(expectation);
    }
  });
});
