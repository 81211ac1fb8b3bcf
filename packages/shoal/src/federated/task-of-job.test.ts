import { checkJob } from "@shoal/coordinator";
import { epsilonOf, emptyLedger, spend } from "@shoal/federated";
import { describe, expect, it } from "vitest";
import { keepVariances } from "./keep-variances.ts";
import { taskOfJob } from "./task-of-job.ts";

const usual = [
  { type: "dense", outputs: 3, activation: "relu" },
  { type: "dense", outputs: 10, name: "head" },
];
const task = (given: object = {}, layers: readonly object[] = usual) =>
  taskOfJob(
    "r1",
    checkJob({
      name: "federated",
      model: { inputs: 784, loss: { type: "softmax_cross_entropy" }, layers },
      ...{ data: { type: "digits", samples: 10 }, optimizer: { name: "sgd", learningRate: 1 } },
      federated: {
        ...{ rounds: 20, aggregation: { name: "fedavg", goal: 10 }, sampleCap: 100 },
        ...{ local: { learningRate: 0.1, epochs: 2, batchSize: 30 }, ...given },
      },
    }),
  );
const taskOfModel = (outputs: number, given: object = {}) =>
  taskOfJob(
    "r2",
    checkJob({
      name: "large",
      model: {
        ...{ inputs: 784, loss: { type: "softmax_cross_entropy" } },
        layers: [
          { type: "dense", outputs },
          { type: "dense", outputs: 10 },
        ],
      },
      ...{ data: { type: "digits", samples: 10 }, optimizer: { name: "sgd", learningRate: 1 } },
      federated: {
        ...{ rounds: 1, aggregation: { name: "fedavg", goal: 2 } },
        local: { learningRate: 0.1, ...given },
      },
    }),
  );
const local = { learningRate: 0.1, epochs: 2, batchSize: 30 };

describe("the task of a federated job", () => {
  it("caps what a client claims of itself", () => {
    expect(task().settings.policy).toMatchObject({ sampleCap: 100 });
    // 2 epochs of 4 batches.
    expect(task({ aggregation: { name: "fednova", goal: 2 } }).settings.policy).toMatchObject({ accumulationCap: 8 });
    const given = { aggregation: { name: "fednova", goal: 2, accumulationCap: 50 } };
    expect(task(given).settings.policy).toMatchObject({ accumulationCap: 50 });
    const whole = { aggregation: { name: "fednova", goal: 2 }, local: { ...local, batchSize: null } };
    expect(task(whole).settings.policy).toMatchObject({ accumulationCap: 2 });
  });

  it("asks for the loss that q-FedAvg weighs by: of the values that were sent out", () => {
    expect(task().description.local.lossAt).toBe("training");
    const fair = task({ aggregation: { name: "qfedavg", goal: 2, learningRate: 0.1 } });
    expect(fair.description.local.lossAt).toBe("received");
    expect(fair.settings.local).toEqual(fair.description.local);
  });

  it("waits for as many as a robust rule needs, and asks no more than its state can hold", () => {
    const robust = { robust: { name: "krum", byzantine: 2 }, minimum: 1 };
    expect(task(robust).settings.plan.minimum).toBe(7);
    expect(() => task({ aggregation: { name: "fedavg", goal: 1_000 } })).toThrow("job.federated.overSelection");
  });

  it("sends what clients share, and no more", () => {
    const { description, shared } = task({ local: { ...local, personal: ["head"] } });
    expect(shared).toMatchObject({ size: 784 * 3 + 3 + 3 * 10 + 10, count: 784 * 3 + 3 });
    expect(description.size).toBe(784 * 3 + 3);
    expect(() => task({ local: { ...local, personal: ["neck"] } })).toThrow("no layer neck");
  });

  it("has room for the contributions of a large model", () => {
    expect(task().settings.intake.bytesInAll).toBe(512 * 2 ** 20);
    const { settings, description } = taskOfModel(200_000); // 605 MiB
    expect(settings.intake.bytesInAll).toBeGreaterThanOrEqual(2 * 4 * description.size);
    expect(() => taskOfModel(330_000, { correction: "scaffold" })).toThrow("job.model");
  });

  it("knows where variances lie among what travels, which no round makes negative", () => {
    const layers = [
      { type: "dense", outputs: 3, name: "own" },
      { type: "batch_norm", name: "norm" },
      { type: "dense", outputs: 10 },
    ];
    const { variances, description } = task({ local: { ...local, personal: ["own"] } }, layers);
    // Behind the scales, shifts and means of three channels.
    expect(variances).toEqual([{ begin: 9, end: 12 }]);
    expect(description.plain).toEqual([
      { begin: 6, end: 9 },
      { begin: 9, end: 12 },
    ]);
    const values = new Float32Array(description.size).fill(0.5);
    const gradient = new Float32Array(description.size).fill(2);
    gradient[10] = -3;
    keepVariances(values, gradient, variances);
    expect([...gradient.subarray(8, 13)]).toEqual([2, 0.5, -3, 0.5, 2]);
  });

  it("takes the least noise that lasts for all rounds, where none is given", () => {
    const promise = { name: "central", epsilon: 2, delta: 1e-5 };
    const { privacy } = task({ privacy: promise }).settings;
    const epsilonWith = (noiseMultiplier: number): number => {
      const mechanism = { noiseMultiplier, samplingRate: 1, sampling: "none" } as const;
      return epsilonOf(spend(emptyLedger(), mechanism, 20), 1e-5).epsilon;
    };
    const found = privacy?.noiseMultiplier ?? 0;
    expect(epsilonWith(found)).toBeLessThanOrEqual(2);
    expect(epsilonWith(found * 0.99)).toBeGreaterThan(2);
    const fixed = task({ privacy: { ...promise, population: 10_000, draw: "fixed" } }).settings;
    expect(fixed.privacy?.noiseMultiplier).toBeLessThan(found);
    expect(fixed.plan).toMatchObject({ goal: 10, invited: 13, minimum: 10 });
  });

  it("draws by coins where the population is known, and divides by the number they name on average", () => {
    const promise = { name: "central", epsilon: 2, delta: 1e-5, population: 10_000, adaptive: {} };
    const { privacy, plan } = task({ privacy: promise }).settings;
    expect(privacy?.coins).toEqual({ chance: 13 / 10_000, expected: 13 });
    expect(privacy?.adaptive?.countDeviation).toBe(13 / 20);
    // Whoever comes: 13 + 6·√13 once in 10^9 rounds.
    expect(plan).toMatchObject({ draw: "poisson", minimum: 0, goal: 36, invited: 36 });
    const mechanism = { noiseMultiplier: privacy?.noiseMultiplier ?? 0, samplingRate: 13 / 10_000 };
    const spent = spend(emptyLedger(), { ...mechanism, sampling: "poisson" }, 20);
    expect(epsilonOf(spent, 1e-5).epsilon).toBeLessThanOrEqual(2);
    expect(epsilonOf(spent, 1e-5).epsilon).toBeGreaterThan(1.9);
    const many = { aggregation: { name: "fedavg", goal: 700 }, privacy: promise };
    expect(() => task(many)).toThrow("job.federated.overSelection");
  });

  it("tells clients of local privacy what they may come to, and counts it itself", () => {
    const privacy = { name: "local", epsilon: 1, delta: 1e-5, clip: 2, budget: 9 };
    const { settings, description } = task({ privacy });
    const { deviation = 0 } = settings.localPrivacy ?? {};
    expect(settings).toMatchObject({ privacy: null, localPrivacy: { clip: 2, delta: 1e-5, budget: 9 } });
    const local = { delta: 1e-5, budget: 9 };
    expect(description.privacy).toEqual({ clip: 2, localNoise: deviation, secure: null, local });
    expect(deviation).toBeGreaterThan(4 * 3.7); // 2C·z, of which z for ε = 1 and δ = 1e-5 is 3.73
  });

  it("has all who stay in a secure sum, and time for each of its stages", () => {
    const privacy = { name: "secure_sum", clip: 2, epsilon: 8, delta: 1e-5, stageSeconds: 7 };
    const { settings, description } = task({ privacy, minimum: 8, reportingSeconds: 100 });
    expect(settings.plan).toMatchObject({ goal: 13, invited: 13, minimum: 8, reportingTimeoutMs: 128_000 });
    expect(settings.secure).toMatchObject({ expected: 10, stageTimeoutMs: 7_000, maskingTimeoutMs: 100_000 });
    expect(description.privacy).toEqual({ clip: 2, localNoise: 0, secure: settings.secure?.task });
    expect(settings.secure?.task).toMatchObject({ minimumClients: 8, lattice: { clip: 2, clients: 13 } });
    // What the clients add lasts for all rounds.
    const { noiseMultiplier = 0 } = settings.privacy ?? {};
    const spent = spend(emptyLedger(), { noiseMultiplier, samplingRate: 1, sampling: "none" }, 20);
    expect(epsilonOf(spent, 1e-5).epsilon).toBeLessThanOrEqual(8);
    expect(task({ privacy: { name: "secure_sum", clip: 2 } }).settings).toMatchObject({ privacy: null });
  });
});
