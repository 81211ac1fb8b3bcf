import { baseLearningRateOf, parseOptimizerSpec, parseStalenessSpec } from "@shoal/optimization";
import type { JobSpec } from "@shoal/protocol";
import { describe, expect, it } from "vitest";
import { shardRules } from "./shard-rules.ts";

const whole = { fragments: 1, delay: 0, mixing: 0 } as const;

const adam = { name: "adam", learningRate: 0.01 };
const cosine = { name: "cosine", totalSteps: 9 };

const rulesOf = (communication: JobSpec["communication"], change: Partial<JobSpec> = {}) =>
  shardRules({ optimizer: adam, schedule: cosine, aggregation: "mean", staleness: {}, communication, ...change }, 4);

describe("the rules of the shards", () => {
  it("are the job's own where gradients are pushed", () => {
    const own = { optimizer: adam, schedule: cosine, aggregation: "adasum", staleness: { bound: 3 } } as const;
    expect(rulesOf({ name: "gradients" }, own)).toEqual(own);
  });

  it("leave optimiser and schedule to the workers after local updates, and are valid", () => {
    for (const communication of [
      { name: "local_sgd", steps: 8 },
      { name: "easgd", steps: 8, elasticity: 0.2 },
      { name: "geo_sgd", steps: 8 },
      { name: "fedasync", steps: 8, mixing: 0.5 },
      { name: "diloco", steps: 8, outerLearningRate: 0.7, outerMomentum: 0.9, ...whole },
    ] as const) {
      const { optimizer, schedule } = rulesOf(communication);
      expect(schedule).toEqual({ name: "constant" });
      expect(() => parseOptimizerSpec(optimizer)).not.toThrow();
    }
  });

  it("take the mean of models, Adasum where the job says so, and DiLoCo's outer step", () => {
    expect(rulesOf({ name: "local_sgd", steps: 8 }, { aggregation: "adasum" })).toMatchObject({
      optimizer: { name: "sgd", learningRate: 1 },
      aggregation: "adasum",
    });
    const diloco = { name: "diloco", steps: 8, outerLearningRate: 0.7, outerMomentum: 0.9, ...whole } as const;
    expect(rulesOf(diloco).optimizer).toEqual({ name: "sgd", learningRate: 0.7, momentum: 0.9, nesterov: true });
    expect(rulesOf({ ...diloco, outerMomentum: 0 }).optimizer).toEqual({ name: "sgd", learningRate: 0.7 });
  });

  it("divide by the replicas with geo-SGD, mix with FedAsync, and do not weigh elastic moves unless told to", () => {
    const geo = rulesOf({ name: "geo_sgd", steps: 8 });
    expect([geo.aggregation, baseLearningRateOf(parseOptimizerSpec(geo.optimizer))]).toEqual(["sum", 0.25]);
    expect(rulesOf({ name: "fedasync", steps: 8, mixing: 0.5 }).optimizer).toEqual({
      name: "average",
      learningRate: 0.5,
    });
    const easgd = { name: "easgd", steps: 8, elasticity: 0.2 } as const;
    expect(parseStalenessSpec(rulesOf(easgd).staleness).weight).toEqual({ name: "none" });
    const staleness = { weight: { name: "inverse" } };
    expect(parseStalenessSpec(rulesOf(easgd, { staleness }).staleness).weight).toEqual({ name: "inverse" });
  });
});
