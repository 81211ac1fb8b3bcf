import { compile, layoutOf, parseModelSpec, type ModelSpec } from "@shoal/models";
import { createOptimizer, parseOptimizerSpec } from "@shoal/optimization";
import { describe, expect, it } from "vitest";
import { kernelBuilds, kernelFixture } from "../support/model-kernels.ts";
import { fillOnlyInput, labelsOf, noDraw } from "../support/plan-places.ts";
import { loadVectors, type VectorTensor } from "../support/vectors.ts";

interface Training {
  readonly name: string;
  readonly options: { readonly lr: number };
  readonly initial: Readonly<Record<string, VectorTensor>>;
  readonly batches: readonly (readonly [inputs: VectorTensor, labels: VectorTensor])[];
  readonly losses: readonly number[];
  readonly final: Readonly<Record<string, VectorTensor>>;
}

/** A training of the vectors, with the model and the optimiser that its options describe in words. */
interface Recipe {
  readonly model: ModelSpec;
  readonly optimizer: object;
  /** Relative, for the loss of each step. */
  readonly lossTolerance: number;
  /** Absolute, for the final parameters. */
  readonly parameterTolerance: number;
  /**
   * Parameters [begin, end) of a segment whose gradient is zero but for rounding: Adam makes steps of full length of it,
   * in whichever direction.
   */
  readonly undetermined?: Readonly<Record<string, readonly [begin: number, end: number]>>;
}

const recipes: Readonly<Record<string, Recipe>> = {
  "mlp-adam": {
    model: parseModelSpec({
      inputs: 12,
      layers: [
        { type: "dense", outputs: 16 },
        { type: "activation", function: "relu" },
        { type: "dense", outputs: 16 },
        { type: "activation", function: "tanh" },
        { type: "dense", outputs: 5 },
      ],
      loss: { type: "softmax_cross_entropy" },
    }),
    optimizer: { name: "adam" },
    lossTolerance: 1e-5,
    // A thousandth of one step of Adam, whose quotient of two small moments loses digits; 2e-6 was seen.
    parameterTolerance: 1e-5,
  },
  "cnn-sgd-momentum": {
    model: parseModelSpec({
      inputs: { shape: [1, 8, 8] },
      layers: [
        { type: "convolution", filters: 4, kernel: 3, padding: 1 },
        { type: "activation", function: "relu" },
        { type: "max_pool", kernel: 2 },
        { type: "convolution", filters: 6, kernel: 3, padding: 1 },
        { type: "activation", function: "relu" },
        { type: "max_pool", kernel: 2 },
        { type: "flatten" },
        { type: "dense", outputs: 3 },
      ],
      loss: { type: "softmax_cross_entropy" },
    }),
    optimizer: { name: "sgd", momentum: 0.9 },
    lossTolerance: 1e-5,
    parameterTolerance: 1e-5,
  },
  "gpt-adamw": {
    model: parseModelSpec({
      inputs: { tokens: 8, vocabulary: 11 },
      layers: [
        { type: "embedding", name: "tok", width: 16 },
        { type: "positional_embedding", name: "pos" },
        { type: "transformer_block", name: "blocks.0", heads: 2 },
        { type: "transformer_block", name: "blocks.1", heads: 2 },
        { type: "layer_norm", name: "ln" },
        { type: "dense", name: "head", outputs: 11, bias: false },
      ],
      loss: { type: "softmax_cross_entropy" },
    }),
    optimizer: { name: "adamw", weightDecay: 0.01 },
    lossTolerance: 1e-5,
    // A 300th of a step of Adam, for the same reason.
    parameterTolerance: 1e-5,
    // A bias of the keys adds the same to all scores of a query, and a softmax does not see that.
    undetermined: { "blocks.0.qkv.bias": [16, 32], "blocks.1.qkv.bias": [16, 32] },
  },
};

const { cases } = loadVectors<{ readonly cases: readonly Training[] }>("trainings");

function trainingOf(name: string): Training {
  const training = cases.find((each) => each.name === name);
  if (training === undefined) throw new Error(`trainings.json has no case ${name}`);
  return training;
}

describe.each(kernelBuilds)("PyTorch's trainings on the %s kernels", async (build) => {
  const { kernels, memory } = await kernelFixture(build);

  it.each(Object.entries(recipes))("%s has the same loss in every step and ends the same", (name, recipe) => {
    const { initial, batches, losses, final, options } = trainingOf(name);
    const { size, segments } = layoutOf(recipe.model);
    expect(segments.map((segment) => segment.name)).toEqual(Object.keys(initial));
    const plan = compile(recipe.model, { batchSize: batches[0]?.[0].shape[0] ?? 1, kernels, memory });
    const parameters = memory.allocate(size * 4).byteOffset;
    const gradient = memory.allocate(size * 4).byteOffset;
    const values = memory.floats(parameters, size);
    for (const { name: segment, shape, offset } of segments) {
      expect(shape).toEqual(initial[segment]?.shape);
      values.set(initial[segment]?.data ?? [], offset);
    }
    const optimizer = createOptimizer(parseOptimizerSpec(recipe.optimizer), { size, kernels, memory });
    const found = batches.map(([inputs, labels]) => {
      fillOnlyInput(plan, inputs.data);
      labelsOf(plan).set(labels.data);
      const loss = plan.gradient(parameters, gradient, inputs.shape[0] ?? 0, noDraw);
      optimizer.step(parameters, gradient, options.lr);
      return loss;
    });
    for (const [step, expected] of losses.entries()) {
      const error = Math.abs((found[step] ?? Number.NaN) - expected);
      expect(error, `loss of step ${step}`).toBeLessThanOrEqual(recipe.lossTolerance * expected);
    }
    for (const { name: segment, offset, length } of segments) {
      const [begin, end] = recipe.undetermined?.[segment] ?? [0, 0];
      for (const [index, value] of values.subarray(offset, offset + length).entries()) {
        if (index >= begin && index < end) continue;
        const error = Math.abs(value - (final[segment]?.data[index] ?? Number.NaN));
        expect(error, `${segment}[${index}]`).toBeLessThanOrEqual(recipe.parameterTolerance);
      }
    }
  });
});
