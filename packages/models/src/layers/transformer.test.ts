import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelBuilds, kernelFixture, type KernelFixture } from "../../../../test/support/model-kernels.ts";
import { labelsOf, tokensOf } from "../../../../test/support/plan-places.ts";
import { compile } from "../plan/compile.ts";
import type { Plan } from "../plan/plan.ts";
import { createCounterRandom } from "../random/counter-random.ts";
import { initializeParameters } from "../spec/initialize-parameters.ts";
import type { LayerSpec, ModelSpec } from "../spec/model-spec.ts";
import { layoutOf } from "../spec/parameter-layout.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";

const positions = 6;
const vocabulary = 7;

function languageModel(...blocks: readonly LayerSpec[]): ModelSpec {
  return parseModelSpec({
    inputs: { tokens: positions, vocabulary },
    layers: [
      { type: "embedding", name: "tok", width: 12 },
      { type: "positional_embedding", name: "pos" },
      ...blocks,
      { type: "dense", name: "head", outputs: vocabulary, bias: false },
    ],
    loss: { type: "softmax_cross_entropy" },
  });
}

interface Trial {
  readonly plan: Plan;
  readonly values: Float32Array;
  readonly gradients: Float32Array;
  /** Mean loss and gradient of the rows [first, first + rows) of a fixed batch. */
  loss(first: number, rows: number): number;
  dispose(): void;
}

function trialOf({ kernels, memory }: KernelFixture, model: ModelSpec, batchSize: number): Trial {
  const plan = compile(model, { batchSize, kernels, memory });
  const { size } = plan.layout;
  const [parameters, gradient] = [memory.allocate(size * 4), memory.allocate(size * 4)];
  const values = memory.floats(parameters.byteOffset, size);
  initializeParameters(model, 3, values);
  // Ten times the usual deviations: attention that is not uniform and norms that matter.
  for (const [index, value] of values.entries()) values[index] = value * (Math.abs(value) < 0.2 ? 10 : 1);
  const random = createCounterRandom(4, "digits", 0);
  const tokens = Int32Array.from({ length: 8 * positions }, () => random.below(vocabulary));
  const labels = tokens.map((token) => (token * 3 + 1) % vocabulary);
  return {
    plan,
    values,
    gradients: memory.floats(gradient.byteOffset, size),
    loss(first, rows) {
      tokensOf(plan).set(tokens.subarray(first * positions, (first + rows) * positions));
      labelsOf(plan).set(labels.subarray(first * positions, (first + rows) * positions));
      return plan.gradient(parameters.byteOffset, gradient.byteOffset, rows, { seed: 5, epoch: 1, first });
    },
    dispose() {
      plan.dispose();
      memory.free(parameters);
      memory.free(gradient);
    },
  };
}

const block: fc.Arbitrary<LayerSpec> = fc.record({
  type: fc.constant("transformer_block" as const),
  heads: fc.constantFrom(1, 2, 3),
  hidden: fc.integer({ min: 1, max: 20 }),
  activation: fc.constantFrom("gelu_tanh" as const, "silu" as const, "gelu" as const),
  norm: fc.constantFrom("layer_norm" as const, "rms_norm" as const),
  dropout: fc.constantFrom(0, 0.3),
  causal: fc.boolean(),
});

describe.each(kernelBuilds)("a transformer on the %s kernels", async (build) => {
  const fixture = await kernelFixture(build);

  it("has the gradient that differences of its loss show", () => {
    const directions = createCounterRandom(9, "digits", 0);
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 2 }), (blocks) => {
        const trial = trialOf(fixture, languageModel(...blocks, { type: "layer_norm" }), 3);
        const start = trial.values.slice();
        trial.loss(0, 3);
        const gradient = trial.gradients.slice();
        const norm = Math.hypot(...gradient);
        // Mostly along the gradient, so that the slope is not lost in the rounding of the loss; partly anywhere.
        const direction = gradient.map((slope) => slope / norm + (directions.uniform() - 0.5) * 0.05);
        const lossAt = (step: number): number => {
          trial.values.set(start.map((value, i) => value + step * (direction[i] ?? Number.NaN)));
          return trial.loss(0, 3);
        };
        // Changes the loss by some hundredths, of which rounding takes 1e-5.
        const step = 2 ** -6 / Math.max(1, norm);
        // Of two steps, so that third derivatives cancel (Richardson).
        const slope = (h: number): number => (lossAt(h) - lossAt(-h)) / (2 * h);
        const found = (4 * slope(step / 2) - slope(step)) / 3;
        const expected = direction.reduce((sum, d, i) => sum + d * (gradient[i] ?? Number.NaN), 0);
        trial.dispose();
        expect(Math.abs(found - expected)).toBeLessThan(5e-3 * Math.max(0.1, Math.abs(expected)));
      }),
      { numRuns: 30 },
    );
  });

  it("learns the same from a batch however it is cut, with dropout", () => {
    const model = languageModel({ type: "transformer_block", heads: 2, dropout: 0.2 });
    const trial = trialOf(fixture, model, 8);
    const whole = trial.loss(0, 8);
    const gradient = trial.gradients.slice();
    const [first, firstGradient] = [trial.loss(0, 3), trial.gradients.slice()];
    const [second, secondGradient] = [trial.loss(3, 5), trial.gradients.slice()];
    expect(Math.abs((3 * first + 5 * second) / 8 - whole)).toBeLessThan(1e-6 * whole);
    gradient.forEach((value, i) => {
      const mean = (3 * (firstGradient[i] ?? Number.NaN) + 5 * (secondGradient[i] ?? Number.NaN)) / 8;
      // Sums over 48 positions in another order.
      expect(Math.abs(mean - value)).toBeLessThan(1e-5);
    });
    trial.dispose();
  });

  it("does not see the future when it is causal, and sees it when it is not", () => {
    for (const causal of [true, false]) {
      const trial = trialOf(fixture, languageModel({ type: "self_attention", heads: 3, causal }), 1);
      const outputs = (): Float32Array => {
        const output = trial.plan.outputs["output"];
        return fixture.memory.floats(output?.offset ?? 0, positions * vocabulary).slice();
      };
      trial.loss(0, 1);
      trial.plan.forward(trial.values.byteOffset, 1);
      const before = outputs();
      const tokens = tokensOf(trial.plan);
      tokens[positions - 1] = ((tokens[positions - 1] ?? 0) + 1) % vocabulary;
      trial.plan.forward(trial.values.byteOffset, 1);
      const after = outputs();
      const earlier = (values: Float32Array): Float32Array => values.subarray(0, (positions - 1) * vocabulary);
      if (causal) expect(earlier(after)).toEqual(earlier(before));
      else expect(earlier(after)).not.toEqual(earlier(before));
      trial.dispose();
    }
  });
});

describe("a transformer block", () => {
  it("names its parameters as GPT models do", () => {
    const model = languageModel({ type: "transformer_block", name: "blocks.0", heads: 2 });
    expect(layoutOf(model).segments.map(({ name, shape, role }) => [name, shape, role])).toEqual([
      ["tok.weight", [7, 12], "embedding"],
      ["pos.weight", [6, 12], "embedding"],
      ["blocks.0.ln1.weight", [12], "norm"],
      ["blocks.0.ln1.bias", [12], "norm"],
      ["blocks.0.qkv.weight", [36, 12], "weight"],
      ["blocks.0.qkv.bias", [36], "bias"],
      ["blocks.0.proj.weight", [12, 12], "weight"],
      ["blocks.0.proj.bias", [12], "bias"],
      ["blocks.0.ln2.weight", [12], "norm"],
      ["blocks.0.ln2.bias", [12], "norm"],
      ["blocks.0.up.weight", [48, 12], "weight"],
      ["blocks.0.up.bias", [48], "bias"],
      ["blocks.0.down.weight", [12, 48], "weight"],
      ["blocks.0.down.bias", [12], "bias"],
      ["head.weight", [7, 12], "weight"],
    ]);
  });
});
