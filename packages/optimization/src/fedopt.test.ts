/** Server optimisers against the published trajectories: a round's mean update Δ is a step with the gradient −Δ. */
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { describe, expect, it } from "vitest";
import { takeFederatedRow } from "../../../test/support/federated-rows.ts";
import { createOptimizer } from "./create-optimizer.ts";
import { baseLearningRateOf, parseOptimizerSpec, type OptimizerSpec } from "./optimizer-spec.ts";

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);

type Trajectory = readonly (readonly number[])[];

/** @returns the values after each update */
function play(spec: OptimizerSpec, start: readonly number[], updates: Trajectory): number[][] {
  const size = start.length;
  const [w, g] = [memory.allocate(size * 4).byteOffset, memory.allocate(size * 4).byteOffset];
  memory.floats(w, size).set(start);
  const optimizer = createOptimizer(spec, { size, kernels, memory });
  return updates.map((update) => {
    memory.floats(g, size).set(update.map((value) => -value));
    optimizer.step(w, g, baseLearningRateOf(spec));
    return [...memory.floats(w, size)];
  });
}

/** Float32 against float64: a few roundings of 6e-8 each. */
function expectClose(found: Trajectory, expected: Trajectory): void {
  expect(found).toHaveLength(expected.length);
  for (const [step, values] of expected.entries()) {
    for (const [key, value] of values.entries()) {
      expect(Math.abs((found[step]?.[key] ?? NaN) - value)).toBeLessThanOrEqual(1e-6 * Math.abs(value));
    }
  }
}

const start = takeFederatedRow<number[]>("fedopt/x0");
const updates = takeFederatedRow<Trajectory>("fedopt/deltas");
const learningRate = takeFederatedRow<number>("fedopt/eta");
const tau = takeFederatedRow<number>("fedopt/tau");
const betas = [takeFederatedRow<number>("fedopt/beta1"), takeFederatedRow<number>("fedopt/beta2")] as const;

interface Rules {
  readonly adagrad: Trajectory;
  readonly adam: Trajectory;
  readonly yogi: Trajectory;
}

describe.each([
  ["at τ², the default", {}, takeFederatedRow<Rules>("fedopt/paper_v0=tau^2")],
  ["at zero, when asked to", { initialAccumulator: 0 }, takeFederatedRow<Rules>("fedopt/v0=0")],
] as const)("with v that begins %s", (_start, accumulator, expected) => {
  const options = { learningRate, tau, ...accumulator };
  it("fedadagrad follows algorithm 2", () => {
    expectClose(play({ name: "fedadagrad", ...options }, start, updates), expected.adagrad);
  });
  it("fedadam follows algorithm 2", () => {
    expectClose(play({ name: "fedadam", betas, ...options }, start, updates), expected.adam);
  });
  it("fedyogi follows algorithm 2", () => {
    expectClose(play({ name: "fedyogi", betas, ...options }, start, updates), expected.yogi);
  });
});

it("fedadagrad with momentum follows algorithm 2, computed as it is written", () => {
  let [m, v, x] = [0, tau ** 2, 1];
  const expected = updates.map(([delta = NaN]) => {
    m = 0.9 * m + 0.1 * delta;
    v += delta ** 2;
    x += (learningRate * m) / (Math.sqrt(v) + tau);
    return [x];
  });
  const deltas = updates.map(([delta = NaN]) => [delta]);
  expectClose(play({ name: "fedadagrad", learningRate, tau, beta1: 0.9 }, [1], deltas), expected);
});

it("fedavgm follows the published trajectory", () => {
  const deltas = takeFederatedRow<number[]>("fedavgm/deltas").map((delta) => [delta]);
  const spec = {
    name: "fedavgm",
    momentum: takeFederatedRow<number>("fedavgm/beta"),
    learningRate: takeFederatedRow<number>("fedavgm/server_lr"),
  } as const;
  const expected = takeFederatedRow<number[]>("fedavgm/x").map((value) => [value]);
  expectClose(play(spec, [takeFederatedRow<number>("fedavgm/x0")], deltas), expected);
});

interface Steps {
  readonly learningRate: number;
  readonly gradient: number;
  readonly values: readonly number[];
}

describe("what other systems call by these names", () => {
  const falling = (row: Steps): Trajectory => row.values.slice(1).map(() => [-row.gradient]);

  it("TensorFlow Federated's Adagrad is fedadagrad without τ and with a start of 0", () => {
    const row = takeFederatedRow<Steps>("published server optimisers/TFF Adagrad");
    const spec = { name: "fedadagrad", learningRate: row.learningRate, tau: 0, initialAccumulator: 0 } as const;
    // Published to seven digits.
    expectClose(
      play(spec, [1], falling(row)),
      row.values.slice(1).map((value) => [value]),
    );
  });

  it("TensorFlow Federated's Adam corrects for bias: it is our adam, and not fedadam", () => {
    const row = takeFederatedRow<Steps>("published server optimisers/TFF Adam, Yogi");
    const expected = row.values.slice(1).map((value) => [value]);
    const adam = { name: "adam", learningRate: row.learningRate, betas: [0.9, 0.999], epsilon: 0 } as const;
    expectClose(play(adam, [1], falling(row)), expected);
    const fedadam = { name: "fedadam", learningRate: row.learningRate, betas: [0.9, 0.999], tau: 1e-9 } as const;
    expect(play(fedadam, [1], falling(row))[0]).not.toEqual([Math.fround(0.9)]);
  });

  it("Flower's FedAdagrad is fedadagrad with a start of 0", () => {
    const row = takeFederatedRow<FlowerRow>("published server optimisers/Flower FedAdagrad");
    const delta = row.clients.reduce((sum, value) => sum + value, 0) / row.clients.length - row.previous;
    const spec = { name: "fedadagrad", learningRate: row.learningRate, tau: row.tau, initialAccumulator: 0 } as const;
    expectClose(play(spec, [row.previous], [[delta]]), [[row.value]]);
  });

  it("Flower's FedAdam corrects its rate for bias, counted from round 1 with t + 1: fedadam with another rate each round", () => {
    const expected = takeFederatedRow<Trajectory>("fedopt/flower_fedadam_biascorr_v0=0");
    const [beta1, beta2] = betas;
    const spec = { name: "fedadam", betas, tau, learningRate, initialAccumulator: 0 } as const;
    const [w, g] = [memory.allocate(8).byteOffset, memory.allocate(8).byteOffset];
    memory.floats(w, 2).set(start);
    const optimizer = createOptimizer(spec, { size: 2, kernels, memory });
    const found = updates.map((update, round) => {
      memory.floats(g, 2).set(update.map((value) => -value));
      const t = round + 2;
      optimizer.step(w, g, (learningRate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t));
      return [...memory.floats(w, 2)];
    });
    expectClose(found, expected);
  });
});

interface FlowerRow {
  readonly previous: number;
  readonly clients: readonly number[];
  readonly learningRate: number;
  readonly tau: number;
  readonly value: number;
}

it("a specification has τ² where no start is given, and keeps it when it is checked again", () => {
  const spec = parseOptimizerSpec({ name: "fedyogi", tau: 0.1 });
  expect(spec).toEqual({
    name: "fedyogi",
    learningRate: 0.1,
    tau: 0.1,
    initialAccumulator: 0.1 * 0.1,
    betas: [0.9, 0.99],
  });
  expect(parseOptimizerSpec(spec)).toEqual(spec);
  expect(() => parseOptimizerSpec({ name: "fedadam", weightDecay: 0.1 })).toThrow(
    'fedadam has no such option: "weightDecay"; it has learningRate,',
  );
});
