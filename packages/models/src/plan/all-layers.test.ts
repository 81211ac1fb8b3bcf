import { describe, expect, it } from "vitest";
import { kernelBuilds, kernelFixture } from "../../../../test/support/model-kernels.ts";
import { fillOnlyInput } from "../../../../test/support/plan-places.ts";
import { createCounterRandom } from "../random/counter-random.ts";
import { initializeParameters } from "../spec/initialize-parameters.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import { parseModelSpec } from "../spec/parse-model-spec.ts";
import { compile } from "./compile.ts";
import type { Plan, PlanMemory } from "./plan.ts";

const loss = { type: "softmax_cross_entropy" };

const models: Readonly<Record<string, ModelSpec>> = {
  image: parseModelSpec({
    inputs: { shape: [2, 9, 8] },
    layers: [
      { type: "convolution", filters: 4, kernel: 3, padding: 1, activation: "gelu" },
      { type: "batch_norm" },
      { type: "activation", function: "relu" },
      {
        type: "residual",
        layers: [
          { type: "convolution", filters: 4, kernel: 3, padding: 1 },
          { type: "dropout", rate: 0.3 },
        ],
      },
      { type: "max_pool", kernel: 2 },
      { type: "convolution", filters: 5, kernel: 2, stride: 2, activation: "relu", name: "last" },
      { type: "average_pool", kernel: [1, 2] },
      { type: "flatten", name: "flat" },
      { type: "global_average_pool", from: "last", name: "pooled" },
      { type: "concatenate", from: ["flat", "pooled"] },
      { type: "dense", outputs: 4 },
    ],
    loss,
  }),
  text: parseModelSpec({
    inputs: { tokens: 6, vocabulary: 7 },
    layers: [
      { type: "embedding", width: 8 },
      { type: "positional_embedding" },
      { type: "transformer_block", heads: 2, dropout: 0.2 },
      { type: "transformer_block", heads: 4, norm: "rms_norm", activation: "silu", causal: false },
      { type: "self_attention", heads: 1 },
      { type: "layer_norm" },
      { type: "dense", outputs: 8, activation: "softplus" },
      { type: "softmax" },
      { type: "reshape", shape: [3, 16] },
      { type: "dense", outputs: 7 },
    ],
    loss,
  }),
  sparse: parseModelSpec({
    inputs: { features: 20, active: 4 },
    layers: [
      { type: "factorization_machine", factors: 3, name: "pairs" },
      { type: "wide_and_deep", width: 4, hidden: [6, 5], name: "deep", from: "input" },
      { type: "add", from: ["pairs", "deep"] },
    ],
    loss: { type: "binary_cross_entropy" },
  }),
};

function fill(plan: Plan, rows: number): void {
  const random = createCounterRandom(5, "digits", 0);
  const [input] = Object.values(plan.inputs);
  if (input?.kind === "floats")
    fillOnlyInput(
      plan,
      Array.from(input.floats, () => 2 * random.uniform() - 1),
    );
  else if (input?.kind === "tokens")
    fillOnlyInput(
      plan,
      Array.from(input.tokens, () => random.below(input.vocabulary)),
    );
  else {
    for (let row = 0; row < rows; row += 1) input?.rowOffsets.set([row * 2, row * 2 + 2], row);
    for (let row = 0; row < rows; row += 1) input?.indices.set([row, row + 7], row * 2);
    input?.values.fill(0.5);
  }
  for (const target of Object.values(plan.targets)) {
    if (target.kind === "labels") target.labels.set(target.labels.map(() => random.below(target.classes)));
    else target.numbers.set(target.numbers.map(() => random.below(2)));
  }
}

describe.each(kernelBuilds)("a plan with every layer on the %s kernels", async (build) => {
  const { kernels, memory } = await kernelFixture(build);
  /** What is read before it is written shows as NaN. */
  const poisoned: PlanMemory = {
    memory: memory.memory,
    allocate(byteLength) {
      const region = memory.allocate(byteLength);
      memory.floats(region.byteOffset, Math.floor(byteLength / 4)).fill(Number.NaN);
      return region;
    },
    free: (region) => memory.free(region),
  };

  it.each(
    Object.entries(models).flatMap(([name, model]) =>
      (["float32", "bfloat16"] as const).map((precision) => [name, precision, model] as const),
    ),
  )("(%s, %s) reads nothing that it has not written and leaves nothing behind", (_name, precision, model) => {
    const rows = 3;
    const plan = compile(model, { batchSize: 4, kernels, memory: poisoned, precision });
    const { size } = plan.layout;
    const [parameters, gradient] = [memory.allocate(size * 4).byteOffset, memory.allocate(size * 4).byteOffset];
    initializeParameters(model, 2, memory.floats(parameters, size));
    fill(plan, rows);
    const step = (): { loss: number; gradients: Float32Array } => {
      memory.floats(gradient, size).fill(Number.NaN);
      const mean = plan.gradient(parameters, gradient, rows, { seed: 1, epoch: 2, first: 8 });
      return { loss: mean, gradients: memory.floats(gradient, size).slice() };
    };
    const first = step();
    expect(first.gradients.every(Number.isFinite)).toBe(true);
    const measured = plan.evaluate(parameters, rows);
    expect(step()).toEqual(first);
    expect(plan.evaluate(parameters, rows)).toBe(measured);
    plan.dispose();
  });
});
