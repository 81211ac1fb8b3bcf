/**
 * One and two steps of optimisers as other systems' test suites publish them (the table's note says which). Left out is
 * the Adagrad that divides by its accumulator before it adds the gradient's square: no paper has that, nor have we.
 */
import { createKernelMemory, instantiateKernels, loadKernelModules } from "@shoal/kernels-wasm";
import { describe, expect, it } from "vitest";
import { loadVectors } from "../../../test/support/vectors.ts";
import { createOptimizer } from "./create-optimizer.ts";
import { baseLearningRateOf, type OptimizerSpec } from "./optimizer-spec.ts";

interface Vectors {
  readonly optimizers: { readonly values: Readonly<Record<string, readonly number[]>> };
  readonly [row: `${"lars" | "lamb"} step1 ${string}`]: { readonly trust: number; readonly w: readonly number[] };
}

const memory = createKernelMemory();
const kernels = instantiateKernels(await loadKernelModules(), memory);
const vectors = loadVectors<Vectors>("asynchrony");

/** @returns the values after each gradient, from these values on */
function play(spec: OptimizerSpec, values: readonly number[], gradients: readonly (readonly number[])[]): number[][] {
  const size = values.length;
  const [w, g] = [memory.allocate(size * 4).byteOffset, memory.allocate(size * 4).byteOffset];
  memory.floats(w, size).set(values);
  const optimizer = createOptimizer(spec, { size, kernels, memory });
  return gradients.map((gradient) => {
    memory.floats(g, size).set(gradient);
    optimizer.step(w, g, baseLearningRateOf(spec));
    return [...memory.floats(w, size)];
  });
}

/** Float32 against float64: a few roundings of 6e-8 each. */
function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) {
    expect(Math.abs((actual[index] ?? NaN) - value)).toBeLessThanOrEqual(2e-6 * Math.abs(value));
  }
}

const tens = [[10], [10]];
const ftrl = { name: "ftrl", learningRate: 0.01, beta: 0, l1: 0, l2: 0, initialAccumulator: 0.1 } as const;

/** Row, our specification of it, and the gradients; every row starts at 0. */
const rows: readonly (readonly [string, OptimizerSpec, readonly (readonly number[])[]])[] = [
  ["sgd lr=.1 g=1", { name: "sgd", learningRate: 0.1 }, [[1]]],
  ["momentum lr=.01 mu=.9 g=10,10", { name: "sgd", learningRate: 0.01, momentum: 0.9 }, tens],
  ["adagrad(post) lr=.1 init=1 g=1", { name: "adagrad", learningRate: 0.1, initialAccumulator: 1, epsilon: 0 }, [[1]]],
  ["adagrad(post) lr=.1 init=1 g=2", { name: "adagrad", learningRate: 0.1, initialAccumulator: 1, epsilon: 0 }, [[2]]],
  ["adadelta lr=.01 rho=.9 eps=.01 g=10,10", { name: "adadelta", learningRate: 0.01, rho: 0.9, epsilon: 0.01 }, tens],
  ["ftrl a=.01 beta=0 l1=l2=0 n0=.1 g=10,10", ftrl, tens],
  ["ftrl a=.01 beta=0 l1=l2=0 n0=.1 g=1,1", ftrl, [[1], [1]]],
];

describe("O23: published steps", () => {
  it.each(rows)("%s", (row, spec, gradients) => {
    const last = gradients[0]?.length ?? 0;
    expectClose(
      play(
        spec,
        Array.from({ length: last }, () => 0),
        gradients,
      ).flat(),
      vectors.optimizers.values[row] ?? [],
    );
  });

  it.each([
    ["adam lr=.01 b=.9/.99 eps=.01 g=10,10", 10],
    ["adam lr=.01 b=.9/.99 eps=.01 g=1,1", 1],
  ] as const)("%s", (row, g) => {
    // The row has ε within the uncorrected root (the paper's ε-hat): ours is ε / √(1 − β₂^t), another one in each step.
    const optimizerOf = (step: number) => {
      const epsilon = 0.01 / Math.sqrt(1 - 0.99 ** step);
      const spec = { name: "adam", learningRate: 0.01, betas: [0.9, 0.99], epsilon } as const;
      return createOptimizer(spec, { size: 1, kernels, memory });
    };
    const [first, second] = [optimizerOf(1), optimizerOf(2)];
    const [w, gradient] = [memory.allocate(4).byteOffset, memory.allocate(4).byteOffset];
    memory.floats(gradient, 1).fill(g);
    first.step(w, gradient, 0.01);
    const values = [...memory.floats(w, 1)];
    second.restore(first.snapshot());
    second.step(w, gradient, 0.01);
    expectClose([...values, ...memory.floats(w, 1)], vectors.optimizers.values[row] ?? []);
  });

  it("ftrl(l1 active): zeros where the penalty wins", () => {
    const spec = { name: "ftrl", learningRate: 0.1, beta: 1, l1: 1, l2: 0.5 } as const;
    const steps = play(spec, [0], [[3], [-1], [-4], [0.5]]).flat();
    expectClose(steps, vectors.optimizers.values["ftrl(l1 active) a=.1 beta=1 l1=1 l2=.5 n0=0 g=3,-1,-4,.5"] ?? []);
  });

  it("LARS and LAMB: the first step", () => {
    const row = (name: "lars" | "lamb") =>
      Object.entries(vectors).find(([key]) => key.startsWith(`${name} step1`))?.[1] as { w: readonly number[] };
    const lars = { name: "lars", learningRate: 0.1, momentum: 0.9, weightDecay: 0.01, trust: 0.001 } as const;
    const lamb = { name: "lamb", learningRate: 0.1, betas: [0.9, 0.999], epsilon: 1e-6, weightDecay: 0.01 } as const;
    expectClose(play(lars, [3, 4], [[0.6, 0.8]]).flat(), row("lars").w);
    expectClose(play(lamb, [3, 4], [[0.6, 0.8]]).flat(), row("lamb").w);
  });
});
