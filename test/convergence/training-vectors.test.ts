import { compile, layoutOf, parseModelSpec, type ModelSpec } from "@shoal/models";
import { createOptimizer, parseOptimizerSpec } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { kernelBuilds, kernelFixture } from "../support/model-kernels.ts";
import { floatsOf, labelsOf, noDraw } from "../support/plan-places.ts";
import { loadVectors, type VectorTensor } from "../support/vectors.ts";

interface Training {
  readonly name: string;
  readonly options: { readonly lr: number };
  readonly initial: Readonly<Record<string, VectorTensor>>;
  readonly batches: readonly (readonly [inputs: VectorTensor, labels: VectorTensor])[];
  readonly losses: readonly number[];
  readonly final: Readonly<Record<string, VectorTensor>>;
}

/** The model of `mlp-adam`; the same names as PyTorch's Sequential. */
const spec: ModelSpec = parseModelSpec({
  inputs: 12,
  layers: [
    { type: "dense", outputs: 16 },
    { type: "activation", function: "relu" },
    { type: "dense", outputs: 16 },
    { type: "activation", function: "tanh" },
    { type: "dense", outputs: 5 },
  ],
  loss: { type: "softmax_cross_entropy" },
});

const { cases } = loadVectors<{ readonly cases: readonly Training[] }>("trainings");
const training = cases.find(({ name }) => name === "mlp-adam");
if (training === undefined) throw new Error("trainings.json has no case mlp-adam");
const { initial, batches, losses, final, options } = training;

/** Relative, for the losses of each of the 12 steps. */
const lossTolerance = 1e-5;
/** Absolute: a thousandth of one step of Adam, whose quotient of two small moments loses digits; 2e-6 was seen. */
const parameterTolerance = 1e-5;

describe.each(kernelBuilds)("PyTorch's training mlp-adam on the %s kernels", async (build) => {
  const { kernels, memory } = await kernelFixture(build);

  it("has the same loss in every step and ends with the same parameters", () => {
    const { size, segments } = layoutOf(spec);
    expect(segments.map(({ name }) => name)).toEqual(Object.keys(initial));
    const plan = compile(spec, { batchSize: 8, kernels, memory });
    const parameters = memory.allocate(size * 4).byteOffset;
    const gradient = memory.allocate(size * 4).byteOffset;
    const values = memory.floats(parameters, size);
    for (const { name, shape, offset } of segments) {
      expect(shape).toEqual(initial[name]?.shape);
      values.set(initial[name]?.data ?? [], offset);
    }
    const optimizer = createOptimizer(parseOptimizerSpec({ name: "adam" }), { size, kernels, memory });
    const found = batches.map(([inputs, labels]) => {
      floatsOf(plan).set(inputs.data);
      labelsOf(plan).set(labels.data);
      const loss = plan.gradient(parameters, gradient, labels.data.length, noDraw);
      optimizer.step(parameters, gradient, options.lr);
      return loss;
    });
    for (const [step, expected] of losses.entries()) {
      expect(Math.abs((found[step] ?? Number.NaN) - expected)).toBeLessThanOrEqual(lossTolerance * expected);
    }
    for (const { name, offset, length } of segments) {
      for (const [index, value] of values.subarray(offset, offset + length).entries()) {
        expect(Math.abs(value - (final[name]?.data[index] ?? Number.NaN))).toBeLessThanOrEqual(parameterTolerance);
      }
    }
  });
});
