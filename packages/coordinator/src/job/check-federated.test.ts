import { describe, expect, it } from "vitest";
import { checkJob } from "./check-job.ts";

const federated = { rounds: 3, aggregation: { name: "fedavg", goal: 4 }, local: { learningRate: 0.1 } };
const job = (given: object, others: object = {}) => ({
  name: "federated",
  ...{ model: { inputs: 784, layers: [{ type: "dense", outputs: 10 }], loss: { type: "softmax_cross_entropy" } } },
  ...{ data: { type: "digits", samples: 10 }, optimizer: { name: "sgd", learningRate: 1 }, ...others },
  federated: { ...federated, ...given },
});
const central = { name: "central", epsilon: 1, delta: 1e-5 };

describe("a federated job", () => {
  it("is a synchronous run with one slot", () => {
    expect(checkJob(job({}))).toMatchObject({ batchSize: 1, epochs: 1, slots: 1, guard: { action: "off" } });
    expect(checkJob(job({ privacy: central })).federated?.privacy).toEqual(central);
    const buffered = { aggregation: { name: "fedbuff", buffer: 2 }, maximumStaleness: 5 };
    expect(checkJob(job(buffered)).federated?.maximumStaleness).toBe(5);
  });

  it.each([
    [{ minimum: 5 }, "job.federated.minimum"],
    [{ robust: { name: "krum", byzantine: 1 } }, "job.federated.robust"],
    [{ maximumStaleness: 1 }, "job.federated.maximumStaleness"],
    [{ local: { learningRate: 0.1, correction: "scaffold" } }, "job.federated.local.correction"],
    [
      { aggregation: { name: "fednova", goal: 4 }, local: { learningRate: 0.1, momentum: 0.9, proximal: 1 } },
      "job.federated.local",
    ],
    [{ up: [{ name: "int8" }, { name: "top_k", share: 0.1 }, { name: "int8" }] }, "job.federated.up"],
    [{ down: [{ name: "power_sgd", rank: 2 }] }, "job.federated.down"],
    [{ privacy: central, robust: { name: "median" } }, "job.federated.privacy"],
    [{ privacy: central, aggregation: { name: "fednova", goal: 4 } }, "job.federated.privacy"],
  ])("is refused with the field that is wrong: %j", (given, field) => {
    expect(() => checkJob(job(given))).toThrow(expect.objectContaining({ code: "invalid_job", details: { field } }));
  });

  it("leaves what its rounds decide to them", () => {
    for (const field of ["batchSize", "epochs", "slots"]) {
      expect(() => checkJob(job({}, { [field]: 7 }))).toThrow(`job.${field}`);
    }
  });
});
