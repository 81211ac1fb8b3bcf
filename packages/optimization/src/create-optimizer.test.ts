import { createKernelMemory, instantiateKernels, loadKernelModules, type KernelBuild } from "@shoal/kernels-wasm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadVectors, type VectorTensor } from "../../../test/support/vectors.ts";
import { createOptimizer, type Optimizer, type OptimizerSpec } from "./index.ts";

interface OptimizerCase {
  readonly name: string;
  readonly options: Readonly<Record<string, number | boolean | readonly number[]>>;
  readonly initial: VectorTensor;
  readonly gradients: readonly VectorTensor[];
  readonly after: readonly VectorTensor[];
}

const modules = await loadKernelModules();

/** PyTorch's names of the options, and ours. */
const optionNames: Readonly<Record<string, string>> = {
  lr: "learningRate",
  weight_decay: "weightDecay",
  eps: "epsilon",
  initial_accumulator_value: "initialAccumulator",
};

function specOf(vector: OptimizerCase): OptimizerSpec {
  const options = Object.entries(vector.options).map(([key, value]) => [optionNames[key] ?? key, value]);
  return { name: vector.name.split("-")[0], ...Object.fromEntries(options) } as OptimizerSpec;
}

function createSite(build: KernelBuild) {
  const memory = createKernelMemory({ maximumBytes: 2 ** 26 });
  const kernels = instantiateKernels(modules, memory, { build });
  const vector = (values: ArrayLike<number>) => {
    const { byteOffset } = memory.allocate(values.length * 4);
    const view = memory.floats(byteOffset, values.length);
    view.set(values);
    return { byteOffset, view };
  };
  return { memory, kernels, vector };
}

/** Relative to the greater of the two and 1e-3: values near zero are differences of greater ones. */
function expectClose(actual: Float32Array, expected: readonly number[]): void {
  actual.forEach((value, i) => {
    const wanted = expected[i] ?? NaN;
    const tolerance = 1e-5 * Math.max(Math.abs(wanted), 1e-3);
    expect(Math.abs(value - wanted), `element ${i}: ${value} against ${wanted}`).toBeLessThanOrEqual(tolerance);
  });
}

const everySpec: readonly OptimizerSpec[] = [
  { name: "sgd", weightDecay: 0.01 },
  { name: "sgd", momentum: 0.9, dampening: 0.1 },
  { name: "sgd", momentum: 0.9, nesterov: true },
  { name: "adam", amsgrad: true, weightDecay: 0.1 },
  { name: "adamw" },
  { name: "adagrad", initialAccumulator: 0.1 },
  { name: "rmsprop" },
  { name: "rmsprop", centered: true },
  { name: "rmsprop", momentum: 0.5 },
  { name: "rmsprop", centered: true, momentum: 0.5, weightDecay: 0.1 },
  { name: "adadelta" },
  { name: "ftrl" },
  { name: "ftrl", beta: 0.5, l1: 0.3, l2: 0.1 },
  { name: "accumulate", scale: 2 },
  { name: "fedavgm" },
  { name: "fedadagrad" },
  { name: "fedadagrad", beta1: 0.9 },
  { name: "fedadam", tau: 0.1 },
  { name: "fedyogi", initialAccumulator: 0.1 },
];
/** Of values of one layer: these may not be split. */
const layerwiseSpecs: readonly OptimizerSpec[] = [{ name: "lamb" }, { name: "lars" }];
const anySpec = fc.constantFrom(...everySpec);
const anyValues = (length: number) =>
  fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: length, maxLength: length });
const anyRun = fc
  .integer({ min: 1, max: 40 })
  .chain((size) =>
    fc.record({ values: anyValues(size), gradients: fc.array(anyValues(size), { minLength: 1, maxLength: 4 }) }),
  );

describe.each(["baseline", "relaxed"] as const)("an optimiser on the %s kernels", (build) => {
  const { memory, kernels, vector } = createSite(build);

  it.each(loadVectors<{ cases: OptimizerCase[] }>("optimizers").cases)(
    "follows PyTorch step by step within 1e-5 relative: $name",
    (reference) => {
      const values = vector(reference.initial.data);
      const optimizer = createOptimizer(specOf(reference), { size: values.view.length, kernels, memory });
      reference.gradients.forEach((gradient, step) => {
        optimizer.step(values.byteOffset, vector(gradient.data).byteOffset, Number(reference.options["lr"]));
        expectClose(values.view, reference.after[step]?.data ?? []);
      });
      expect(optimizer.stepCount).toBe(reference.gradients.length);
    },
  );

  it("gives the same bits when the vector is split at any key", () => {
    fc.assert(
      fc.property(anySpec, anyRun, fc.nat(), (spec, { values, gradients }, cut) => {
        const size = values.length;
        const at = cut % (size + 1);
        const whole = vector(values);
        const parts = vector(values);
        const optimizer = createOptimizer(spec, { size, kernels, memory });
        const shards = [
          { begin: 0, end: at },
          { begin: at, end: size },
        ]
          .filter(({ begin, end }) => end > begin)
          .map((range) => ({
            ...range,
            shard: createOptimizer(spec, { size: range.end - range.begin, kernels, memory }),
          }));
        for (const gradient of gradients) {
          const g = vector(gradient);
          optimizer.step(whole.byteOffset, g.byteOffset, 0.1);
          for (const { begin, shard } of shards) {
            shard.step(parts.byteOffset + 4 * begin, g.byteOffset + 4 * begin, 0.1);
          }
        }
        expect(parts.view).toEqual(whole.view);
        for (const each of [optimizer, ...shards.map(({ shard }) => shard)]) each.dispose();
      }),
    );
  });

  it("O24: continues from a snapshot as if nothing had happened", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...everySpec, ...layerwiseSpecs),
        anyRun,
        fc.nat(),
        (spec, { values, gradients }, cut) => {
          const size = values.length;
          const [kept, resumed] = [vector(values), vector(values)];
          const run = (optimizer: Optimizer, target: typeof kept, from: number, to: number) => {
            for (const gradient of gradients.slice(from, to)) {
              optimizer.step(target.byteOffset, vector(gradient).byteOffset, 0.05);
            }
          };
          const at = cut % (gradients.length + 1);
          const site = { size, kernels, memory };
          const [through, before, after] = [
            createOptimizer(spec, site),
            createOptimizer(spec, site),
            createOptimizer(spec, site),
          ];
          run(through, kept, 0, gradients.length);
          run(before, resumed, 0, at);
          const snapshot = structuredClone(before.snapshot());
          before.dispose();
          after.restore(snapshot);
          run(after, resumed, at, gradients.length);
          expect(resumed.view).toEqual(kept.view);
          expect(after.snapshot()).toEqual(through.snapshot());
          through.dispose();
          after.dispose();
        },
      ),
    );
  });

  it("gives its slots back", () => {
    const before = memory.allocatedBytes;
    const optimizer = createOptimizer({ name: "adam", amsgrad: true }, { size: 100, kernels, memory });
    expect(optimizer.slotNames).toEqual(["first", "second", "maximum"]);
    expect(optimizer.slotBytes).toBe(1_200);
    expect(memory.allocatedBytes).toBeGreaterThan(before);
    optimizer.dispose();
    expect(memory.allocatedBytes).toBe(before);
  });

  it("starts from empty slots in memory that was used before", () => {
    const dirty = memory.allocate(4_096);
    memory.floats(dirty.byteOffset, 1_024).fill(7);
    memory.free(dirty);
    const optimizer = createOptimizer({ name: "adam" }, { size: 512, kernels, memory });
    expect(optimizer.snapshot().slots["first"]?.every((value) => value === 0)).toBe(true);
    optimizer.dispose();
  });

  it("refuses a snapshot that does not fit and keeps its state", () => {
    const optimizer = createOptimizer({ name: "sgd", momentum: 0.9 }, { size: 2, kernels, memory });
    const good = { name: "sgd", stepCount: 3, slots: { velocity: Float32Array.of(1, 2) } };
    optimizer.restore(good);
    const bad = [
      { ...good, name: "adam" },
      { ...good, stepCount: -1 },
      { ...good, slots: {} },
      { ...good, slots: { velocity: Float32Array.of(1) } },
      { ...good, slots: { velocity: [1, 2] as unknown as Float32Array } },
      { ...good, slots: { ...good.slots, second: Float32Array.of(1, 2) } },
    ];
    for (const snapshot of bad) expect(() => optimizer.restore(snapshot)).toThrow(/^\[snapshot_corrupt\]/);
    expect(optimizer.snapshot()).toEqual(good);
  });
});

it("refuses to be made for no values", () => {
  const { memory, kernels } = createSite("baseline");
  expect(() => createOptimizer({ name: "sgd" }, { size: 0, kernels, memory })).toThrow(RangeError);
});

it("adds up what it is given when it accumulates, whatever the learning rate", () => {
  const { memory, kernels, vector } = createSite("baseline");
  const values = vector([1, 1, 1]);
  const optimizer = createOptimizer({ name: "accumulate", scale: 2 }, { size: 3, kernels, memory });
  optimizer.step(values.byteOffset, vector([1, 2, 3]).byteOffset, 0.001);
  optimizer.step(values.byteOffset, vector([1, 2, 3]).byteOffset, 5);
  expect([...values.view]).toEqual([5, 9, 13]);
});
