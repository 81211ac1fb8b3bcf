import { isShoalError } from "@shoal/errors";
import { activationNames } from "@shoal/kernels-wasm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelBuilds, kernelFixture, type KernelFixture } from "../../../../test/support/model-kernels.ts";
import { floatsOf, labelsOf, noDraw, numbersOf, outputOf } from "../../../../test/support/plan-places.ts";
import { referenceLoss, type ReferenceBatch, type ReferenceModel } from "../../../../test/support/reference-model.ts";
import { createCounterRandom } from "../random/counter-random.ts";
import type { ActivationLayer, DenseLayer, LossSpec, ModelSpec } from "../spec/model-spec.ts";
import { layoutOf } from "../spec/parameter-layout.ts";
import { initializeParameters } from "../spec/initialize-parameters.ts";
import { compile } from "./compile.ts";
import { planBytes } from "./plan-bytes.ts";
import { regionMemory } from "./region-memory.ts";

const functions = activationNames;
const width = fc.integer({ min: 1, max: 19 });
const dense: fc.Arbitrary<DenseLayer> = fc.record({
  type: fc.constant("dense" as const),
  outputs: width,
  activation: fc.constantFrom(...functions),
  bias: fc.boolean(),
});
const activation: fc.Arbitrary<ActivationLayer> = fc.record({
  type: fc.constant("activation" as const),
  function: fc.constantFrom(...functions),
});
const loss: fc.Arbitrary<LossSpec> = fc.oneof(
  fc.record({ type: fc.constant("softmax_cross_entropy" as const), smoothing: fc.constantFrom(0, 0.2) }),
  fc.record({ type: fc.constant("binary_cross_entropy" as const) }),
  fc.record({ type: fc.constant("mean_squared_error" as const) }),
  fc.record({ type: fc.constant("huber" as const), delta: fc.constantFrom(0.3, 1) }),
);
const models: fc.Arbitrary<ReferenceModel> = fc
  .record({ inputs: width, layers: fc.array(fc.oneof(dense, activation), { maxLength: 4 }), last: dense, loss })
  .map((given) => ({ inputs: given.inputs, layers: [...given.layers, given.last], loss: given.loss }))
  .filter((spec) => outputsOf(spec) > 1 || spec.loss.type !== "softmax_cross_entropy");

/** Values of one output row. */
function outputsOf(spec: ReferenceModel): number {
  return spec.layers.reduce((width, layer) => (layer.type === "dense" ? layer.outputs : width), spec.inputs);
}

/** Random parameters, inputs and answers, rounded to float32. */
function randomBatch(spec: ReferenceModel, rows: number, seed: number): ReferenceBatch & { parameters: Float64Array } {
  const random = createCounterRandom(seed, "digits", 0);
  const draw = (length: number, scale: number): Float64Array =>
    Float64Array.from({ length }, () => Math.fround((2 * random.uniform() - 1) * scale));
  const outputs = outputsOf(spec);
  return {
    rows,
    parameters: draw(layoutOf(spec).size, 0.8),
    inputs: draw(rows * spec.inputs, 1.5),
    labels: Int32Array.from({ length: rows }, () => random.below(outputs)),
    targets: Float64Array.from({ length: rows * outputs }, () => random.uniform()),
  };
}

function withPlan<T>(fixture: KernelFixture, spec: ModelSpec, batchSize: number, use: (run: Run) => T): T {
  const { kernels, memory } = fixture;
  const plan = compile(spec, { batchSize, kernels, memory });
  const bytes = Math.max(4, plan.layout.size * 4);
  const [parameters, gradient] = [memory.allocate(bytes), memory.allocate(bytes)];
  try {
    return use({
      plan,
      parameters: parameters.byteOffset,
      gradient: gradient.byteOffset,
      values: memory.floats(parameters.byteOffset, plan.layout.size),
      gradients: memory.floats(gradient.byteOffset, plan.layout.size),
    });
  } finally {
    memory.free(parameters);
    memory.free(gradient);
    plan.dispose();
  }
}

interface Run {
  readonly plan: ReturnType<typeof compile>;
  readonly parameters: number;
  readonly gradient: number;
  readonly values: Float32Array;
  readonly gradients: Float32Array;
}

function fill(run: Run, batch: ReferenceBatch & { parameters: Float64Array }): void {
  run.values.set(batch.parameters);
  floatsOf(run.plan).set(batch.inputs);
  if (run.plan.targets["output"]?.kind === "labels") labelsOf(run.plan).set(batch.labels);
  else numbersOf(run.plan).set(batch.targets);
}

describe.each(kernelBuilds)("a plan on the %s kernels", async (build) => {
  const fixture = await kernelFixture(build);

  it("computes the loss and the gradient of its mean for any shape", () => {
    fc.assert(
      fc.property(models, fc.integer({ min: 1, max: 9 }), fc.nat({ max: 3 }), fc.nat(), (spec, rows, room, seed) => {
        const batch = randomBatch(spec, rows, seed);
        withPlan(fixture, spec, rows + room, (run) => {
          fill(run, batch);
          run.gradients.fill(Number.NaN);
          const found = run.plan.gradient(run.parameters, run.gradient, rows, noDraw);
          const expected = referenceLoss(spec, batch.parameters, batch);
          // Single precision over at most 19 terms and 5 layers.
          expect(Math.abs(found - expected)).toBeLessThan(1e-5 * Math.max(1, expected));
          const step = 1e-6;
          for (const [key, value] of batch.parameters.entries()) {
            const at = (moved: number): number => referenceLoss(spec, batch.parameters.with(key, moved), batch);
            const slope = (at(value + step) - at(value - step)) / (2 * step);
            expect(Math.abs((run.gradients[key] ?? Number.NaN) - slope)).toBeLessThan(
              2e-5 * Math.max(1, Math.abs(slope)),
            );
          }
        });
      }),
      { numRuns: 40 },
    );
  });

  it("gives the same bits for the same batch, also in another place and with room for more rows", () => {
    fc.assert(
      fc.property(models, fc.integer({ min: 1, max: 9 }), fc.nat(), (spec, rows, seed) => {
        const batch = randomBatch(spec, rows, seed);
        const gradientWith = (room: number): Float32Array =>
          withPlan(fixture, spec, rows + room, (run) => {
            fill(run, batch);
            run.plan.gradient(run.parameters, run.gradient, rows, noDraw);
            return run.gradients.slice();
          });
        const first = gradientWith(0);
        const hole = fixture.memory.allocate(4_096);
        expect(gradientWith(5)).toEqual(first);
        fixture.memory.free(hole);
      }),
      { numRuns: 40 },
    );
  });

  it("leaves the gradient zero for no rows", () => {
    const spec: ModelSpec = { inputs: 3, layers: [{ type: "dense", outputs: 2 }], loss: { type: "huber" } };
    withPlan(fixture, spec, 4, (run) => {
      run.gradients.fill(5);
      expect(run.plan.gradient(run.parameters, run.gradient, 0, noDraw)).toBe(0);
      expect([...run.gradients]).toEqual(new Array(8).fill(0));
      expect(run.plan.evaluate(run.parameters, 0)).toBe(0);
    });
  });
});

const classifier: ModelSpec = {
  inputs: 2,
  layers: [{ type: "dense", outputs: 3, bias: false }],
  loss: { type: "softmax_cross_entropy" },
};

describe("a plan", async () => {
  const fixture = await kernelFixture();

  it("sums the losses of rows", () => {
    withPlan(fixture, classifier, 4, (run) => {
      run.values.set([1, 0, 0, 1, -1, -1]);
      floatsOf(run.plan).set([4, 0, 0, 4, -4, -4, 4, 0]);
      labelsOf(run.plan).set([0, 1, 2, 1]);
      expect(run.plan.evaluate(run.parameters, 4)).toBeCloseTo(
        run.plan.gradient(run.parameters, run.gradient, 4, noDraw) * 4,
        4,
      );
    });
  });

  it("hands out the outputs of its last layer", () => {
    withPlan(fixture, classifier, 4, (run) => {
      run.values.set([1, 0, 0, 1, 1, 1]);
      floatsOf(run.plan).set([3, 5]);
      run.plan.forward(run.parameters, 1);
      const { offset, shape } = outputOf(run.plan);
      expect(shape).toEqual([3]);
      expect([...fixture.memory.floats(offset, 3)]).toEqual([3, 5, 8]);
    });
  });

  it("refuses labels and row counts that would reach beyond its memory", () => {
    withPlan(fixture, classifier, 4, (run) => {
      labelsOf(run.plan).set([0, 3]);
      const step = (rows: number) => (): number => run.plan.gradient(run.parameters, run.gradient, rows, noDraw);
      expect(step(2)).toThrow("label 3 of row 1 is not in [0, 3)");
      expect(step(1)).not.toThrow();
      expect(step(5)).toThrow("rows must be an integer from 0 to 4, got 5");
      expect(step(-1)).toThrow(RangeError);
    });
    const none = { ...fixture, batchSize: 0 };
    expect(() => compile(classifier, none)).toThrow("batchSize must be a positive integer, got 0");
  });

  it("takes one region of the size announced, and gives it back", () => {
    const before = fixture.memory.allocatedBytes;
    const plan = compile(classifier, { batchSize: 7, ...fixture });
    expect(plan.peakBytes).toBe(planBytes(classifier, 7));
    expect(fixture.memory.allocatedBytes - before).toBe(plan.peakBytes);
    plan.dispose();
    expect(fixture.memory.allocatedBytes).toBe(before);
  });

  it("keeps its views usable when a private memory grows", async () => {
    const own = await kernelFixture("auto", false);
    const plan = compile(classifier, { batchSize: 2, ...own });
    floatsOf(plan).set([1, 2, 3, 4]);
    const before = floatsOf(plan);
    own.memory.allocate(own.memory.memory.buffer.byteLength);
    expect(before.length).toBe(0);
    expect([...floatsOf(plan)]).toEqual([1, 2, 3, 4]);
  });

  it("runs in a region that another thread allocated", () => {
    const region = fixture.memory.allocate(planBytes(classifier, 4));
    const memory = regionMemory(fixture.memory.memory, region);
    const plan = compile(classifier, { batchSize: 4, kernels: fixture.kernels, memory });
    expect(floatsOf(plan).byteOffset).toBeGreaterThanOrEqual(region.byteOffset);
    const isFull = (error: unknown): boolean => isShoalError(error, "out_of_memory");
    expect(() => memory.allocate(1)).toThrow(expect.toSatisfy(isFull));
    plan.dispose();
    expect(() => memory.allocate(region.byteLength + 1)).toThrow(expect.toSatisfy(isFull));
    expect(memory.allocate(1).byteOffset).toBe(region.byteOffset);
    fixture.memory.free(region);
  });

  it("starts from the same parameters whatever memory they are drawn into", () => {
    const size = layoutOf(classifier).size;
    const plain = new Float32Array(size);
    initializeParameters(classifier, 1, plain);
    withPlan(fixture, classifier, 1, (run) => {
      initializeParameters(classifier, 1, run.values);
      expect([...run.values]).toEqual([...plain]);
    });
  });

  it("reuses the memory of what is over", () => {
    const chain = (layers: number): ModelSpec => ({
      inputs: 64,
      layers: Array.from({ length: layers }, () => ({ type: "dense", outputs: 64, frozen: true, activation: "relu" })),
      loss: { type: "mean_squared_error" },
    });
    const trained = (layers: number): ModelSpec => ({
      ...chain(layers),
      layers: [...chain(layers).layers, { type: "dense", outputs: 64 }],
    });
    // Frozen layers before the first trained one keep nothing: two values at a time, however many there are.
    expect(planBytes(trained(20), 32)).toBe(planBytes(trained(4), 32));
  });

  it("sums the losses of several outputs by their weights and leaves frozen gradients zero", () => {
    const spec: ModelSpec = {
      inputs: { left: { shape: [2] }, right: { shape: [3] } },
      layers: [
        { type: "dense", outputs: 2, name: "a", from: "left", bias: false, frozen: true },
        { type: "dense", outputs: 1, name: "b", from: "right", bias: false },
      ],
      loss: { a: { type: "softmax_cross_entropy" }, b: { type: "mean_squared_error", weight: 3 } },
    };
    withPlan(fixture, spec, 2, (run) => {
      run.values.set([1, 0, 0, 1, 1, 1, 1]);
      floatsOf(run.plan, "left").set([0, 0, 5, 0]);
      floatsOf(run.plan, "right").set([1, 2, 3, 0, 0, 0]);
      labelsOf(run.plan, "a").set([1, 0]);
      numbersOf(run.plan, "b").set([4, 0]);
      run.gradients.fill(Number.NaN);
      const loss = run.plan.gradient(run.parameters, run.gradient, 2, noDraw);
      const crossEntropy = (Math.log(2) + Math.log1p(Math.exp(-5))) / 2;
      expect(loss).toBeCloseTo(crossEntropy + (3 * 2 ** 2) / 2, 5);
      // d/dw of 3·mean((w·x − t)²): 3 · 2 · (6 − 4) · x / 2 rows.
      expect([...run.gradients]).toEqual([0, 0, 0, 0, 6, 12, 18]);
      expect(run.plan.evaluate(run.parameters, 2)).toBeCloseTo(2 * loss, 5);
    });
  });

  it("takes the mean over the positions of a row", () => {
    const spec: ModelSpec = {
      inputs: { shape: [2, 3] },
      layers: [{ type: "dense", outputs: 3, bias: false }],
      loss: { type: "softmax_cross_entropy" },
    };
    withPlan(fixture, spec, 1, (run) => {
      run.values.set([1, 0, 0, 0, 1, 0, 0, 0, 1]);
      floatsOf(run.plan).set([9, 0, 0, 0, 0, 0]);
      labelsOf(run.plan).set([0, 1]);
      expect(run.plan.evaluate(run.parameters, 1)).toBeCloseTo((Math.log1p(2 * Math.exp(-9)) + Math.log(3)) / 2, 5);
      expect(outputOf(run.plan).shape).toEqual([2, 3]);
    });
  });
});
