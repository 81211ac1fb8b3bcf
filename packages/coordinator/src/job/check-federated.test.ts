import { describe, expect, it } from "vitest";
import { checkJob } from "./check-job.ts";

const federated = { rounds: 3, aggregation: { name: "fedavg", goal: 4 }, local: { learningRate: 0.1 } };
const job = (given: object, others: object = {}) => ({
  name: "federated",
  ...{ model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } } },
  ...{ data: { type: "digits", samples: 10 }, optimizer: { name: "sgd", learningRate: 1 }, ...others },
  federated: { ...federated, ...given },
});
const scaffold = { learningRate: 0.1, correction: "scaffold" };
const secure = { name: "secure_sum", clip: 1 };
const local = { name: "local", clip: 1, epsilon: 1, delta: 1e-5 };
const central = { name: "central", epsilon: 1, delta: 1e-5 };

describe("a federated job", () => {
  it("is a synchronous run with one slot", () => {
    expect(checkJob(job({}))).toMatchObject({ batchSize: 1, epochs: 1, slots: 1, guard: { action: "off" } });
    expect(checkJob(job({ privacy: central })).federated?.privacy).toEqual(central);
    expect(checkJob(job({ local: scaffold, population: 6 })).federated?.population).toBe(6);
    expect(checkJob(job({ privacy: secure })).federated?.privacy).toEqual(secure);
    const adaptive = { ...central, adaptive: { countDeviation: 40 } };
    expect(checkJob(job({ privacy: adaptive })).federated?.privacy).toEqual(adaptive);
    expect(checkJob(job({ privacy: local })).federated?.privacy).toEqual(local);
    expect(checkJob(job({ privacy: secure, evaluatesOnClients: true })).federated?.evaluatesOnClients).toBe(true);
    const noised = { ...secure, epsilon: 4, delta: 1e-5 };
    expect(checkJob(job({ privacy: noised })).federated?.privacy).toEqual(noised);
    const buffered = { aggregation: { name: "fedbuff", buffer: 2 }, maximumStaleness: 5 };
    expect(checkJob(job(buffered)).federated?.maximumStaleness).toBe(5);
  });

  it.each([
    [{ minimum: 5 }, "job.federated.minimum"],
    [{ aggregation: { name: "fedavg", goal: 1_000 } }, "job.federated.overSelection"],
    [{ aggregation: { name: "fedbuff", buffer: 500 } }, "job.federated.overSelection"],
    [{ robust: { name: "krum", byzantine: 1 } }, "job.federated.robust"],
    [{ maximumStaleness: 1 }, "job.federated.maximumStaleness"],
    [{ local: scaffold, robust: { name: "median" } }, "job.federated.local.correction"],
    [{ local: scaffold, aggregation: { name: "fedbuff", buffer: 2 } }, "job.federated.local.correction"],
    [
      { local: scaffold, aggregation: { name: "fedavg", goal: 4, examples: "linear" } },
      "job.federated.aggregation.examples",
    ],
    [{ local: { ...scaffold, momentum: 0.9 } }, "job.federated.local.correction"],
    [{ local: scaffold, privacy: central }, "job.federated.local.correction"],
    [{ local: scaffold, population: 5 }, "job.federated.population"],
    [
      { aggregation: { name: "fednova", goal: 4 }, local: { learningRate: 0.1, momentum: 0.9, proximal: 1 } },
      "job.federated.local",
    ],
    [{ up: [{ name: "int8" }, { name: "top_k", share: 0.1 }, { name: "int8" }] }, "job.federated.up"],
    [{ down: [{ name: "power_sgd", rank: 2 }] }, "job.federated.down"],
    [
      { aggregation: { name: "fednova", goal: 4 }, local: { learningRate: 0.1, proximal: 10 } },
      "job.federated.local.proximal",
    ],
    [{ down: [{ name: "top_k", share: 0.1 }] }, "job.federated.down"],
    [{ privacy: central, robust: { name: "median" } }, "job.federated.privacy"],
    [{ privacy: secure, robust: { name: "median" } }, "job.federated.robust"],
    [{ privacy: secure, normBound: 1 }, "job.federated.normBound"],
    [{ privacy: secure, up: [{ name: "int8" }] }, "job.federated.up"],
    [{ privacy: secure, aggregation: { name: "fednova", goal: 4 } }, "job.federated.aggregation"],
    [{ privacy: secure, aggregation: { name: "fedbuff", buffer: 4 } }, "job.federated.aggregation"],
    [
      { privacy: secure, aggregation: { name: "fedavg", goal: 4, examples: "linear" } },
      "job.federated.aggregation.examples",
    ],
    [{ privacy: secure, minimum: 2 }, "job.federated.privacy"],
    [{ privacy: secure, overSelection: 255 }, "job.federated.privacy"],
    [{ privacy: { ...secure, weightCap: 100_000 } }, "job.federated.privacy"],
    [{ privacy: { ...secure, epsilon: 1 } }, "job.federated.privacy"],
    [{ privacy: { ...secure, epsilon: 1, delta: 1e-5, weightCap: 2 } }, "job.federated.privacy"],
    [{ privacy: { ...secure, dropOutShare: 0.8 } }, "job.federated.privacy"],
    [{ privacy: secure, local: { learningRate: 0.1, correction: "scaffold" } }, "job.federated.local.correction"],
    [{ privacy: central, aggregation: { name: "fednova", goal: 4 } }, "job.federated.privacy"],
    [{ privacy: { ...central, population: 100 }, minimum: 2 }, "job.federated.minimum"],
    [
      { privacy: { ...central, population: 10_000 }, aggregation: { name: "fedavg", goal: 700 } },
      "job.federated.overSelection",
    ],
    // With four clients the count of those below the clip would cost more than all.
    [{ privacy: { ...central, adaptive: {} } }, "job.federated.privacy"],
    [{ privacy: { ...central, epsilon: 1e-9 }, rounds: 1_000_000 }, "job.federated.privacy"],
    [{ privacy: central, normBound: 1 }, "job.federated.normBound"],
    [{ privacy: central, evaluatesOnClients: true }, "job.federated.evaluatesOnClients"],
    [{ privacy: { ...local, budget: 1 } }, "job.federated.privacy"],
    [{ privacy: local, evaluatesOnClients: true }, "job.federated.evaluatesOnClients"],
    [{ privacy: { ...secure, epsilon: 4, delta: 1e-5 }, evaluatesOnClients: true }, "job.federated.evaluatesOnClients"],
    [{ privacy: local, aggregation: { name: "fednova", goal: 4 } }, "job.federated.aggregation"],
    [{ privacy: local, aggregation: { name: "qfedavg", goal: 4, learningRate: 0.1 } }, "job.federated.aggregation"],
  ])("is refused with the field that is wrong: %j", (given, field) => {
    expect(() => checkJob(job(given))).toThrow(expect.objectContaining({ code: "invalid_job", details: { field } }));
  });

  it("leaves what its rounds decide to them", () => {
    for (const field of ["batchSize", "epochs", "slots"]) {
      expect(() => checkJob(job({}, { [field]: 7 }))).toThrow(`job.${field}`);
    }
  });
});
