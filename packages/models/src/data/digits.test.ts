import { describe, expect, it } from "vitest";
import { denseInput, labelTarget } from "../../../../test/support/columns.ts";
import { kernelFixture } from "../../../../test/support/model-kernels.ts";
import { createMetrics } from "../metrics/model-metrics.ts";
import { compile } from "../plan/compile.ts";
import type { Plan } from "../plan/plan.ts";
import { initializeParameters } from "../spec/initialize-parameters.ts";
import type { ModelSpec } from "../spec/model-spec.ts";
import { createBatchFiller } from "./batch-filler.ts";
import type { Split } from "./dataset.ts";
import { generateDigits } from "./digits.ts";
import { createEpochPlan } from "./epoch-plan.ts";
import { createShuffle } from "./shuffle.ts";

const spec: ModelSpec = {
  inputs: 784,
  layers: [
    { type: "dense", outputs: 128, activation: "relu" },
    { type: "dense", outputs: 10 },
  ],
  loss: { type: "softmax_cross_entropy" },
};

function accuracyOn(split: Split, plan: Plan, parameters: number, memory: WebAssembly.Memory): number {
  const order = Uint32Array.from({ length: split.count }, (_, index) => index);
  const filler = createBatchFiller(split, plan);
  const metrics = createMetrics(plan.spec, ["accuracy"]);
  for (let begin = 0; begin < split.count; begin += plan.batchSize) {
    const rows = filler.fill(order, begin, Math.min(begin + plan.batchSize, split.count));
    plan.forward(parameters, rows);
    const { offset } = plan.outputs["output"] ?? { offset: 0 };
    metrics.add({ output: new Float32Array(memory.buffer, offset, rows * 10) }, plan.targets, rows);
  }
  return metrics.accuracy();
}

describe("generated digits", () => {
  it("are learnt to 97 % in a few epochs, but not in one", async () => {
    const { kernels, memory } = await kernelFixture();
    const { train, test } = generateDigits({ testSamples: 1_000 });
    const plan = compile(spec, { batchSize: 32, kernels, memory });
    const vector = (): number => memory.allocate(plan.layout.size * 4).byteOffset;
    const [parameters, gradient, velocity] = [vector(), vector(), vector()];
    initializeParameters(spec, 1, memory.floats(parameters, plan.layout.size));
    const cut = createEpochPlan({ samples: train.count, batchSize: 32, slots: 1, epochs: 5 });
    const shuffle = createShuffle(1, train.count);
    const filler = createBatchFiller(train, plan);
    const accuracies: number[] = [];
    for (let number = 0; number < cut.totalBatches; number += 1) {
      const { epoch, begin, end } = cut.batch(number);
      const rows = filler.fill(shuffle.order(epoch), begin, end);
      plan.gradient(parameters, gradient, rows, { seed: 1, epoch, first: begin });
      kernels.sgdMomentum(parameters, gradient, velocity, plan.layout.size, 0.02, 0.9, 0, 0, false, number === 0);
      if ((number + 1) % cut.batchesPerEpoch === 0) accuracies.push(accuracyOn(test, plan, parameters, memory.memory));
    }
    expect(accuracies[0]).toBeLessThan(0.97);
    expect(accuracies.at(-1)).toBeGreaterThan(0.97);
  });

  it("depend on the seed and the sample's number alone", () => {
    const few = generateDigits({ samples: 20, testSamples: 5, seed: 3 });
    const more = generateDigits({ samples: 40, testSamples: 5, seed: 3 });
    const other = generateDigits({ samples: 20, testSamples: 5, seed: 4 });
    const pixels = (split: Split, end?: number): Uint8Array | Float32Array => denseInput(split).values.slice(0, end);
    expect([...labelTarget(more.train).values.subarray(0, 20)]).toEqual([...labelTarget(few.train).values]);
    expect(pixels(more.train, 20 * 784)).toEqual(pixels(few.train));
    expect(pixels(more.test)).toEqual(pixels(few.test));
    expect(pixels(other.train)).not.toEqual(pixels(few.train));
    expect(pixels(few.train, 5 * 784)).not.toEqual(pixels(few.test));
  });

  it("come as inputs of mean 0 and deviation 1, every digit about equally often", () => {
    const { train } = generateDigits({ samples: 1_000, testSamples: 1 });
    const { values, scale, shift } = denseInput(train);
    const inputs = Float64Array.from(values, (byte) => scale * (byte - shift));
    const mean = inputs.reduce((sum, value) => sum + value, 0) / inputs.length;
    const square = inputs.reduce((sum, value) => sum + value * value, 0) / inputs.length;
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(Math.abs(square - 1)).toBeLessThan(0.1);
    for (let digit = 0; digit < 10; digit += 1) {
      // Mean 100, deviation 9.5; five of them.
      expect(Math.abs(labelTarget(train).values.filter((label) => label === digit).length - 100)).toBeLessThan(48);
    }
  });

  it("stand on shared memory, so that a thread gets them without a copy", () => {
    const { train } = generateDigits({ samples: 2, testSamples: 1 });
    const { values } = denseInput(train);
    expect(values.buffer).toBeInstanceOf(SharedArrayBuffer);
    const posted = structuredClone(train);
    values[0] = 77;
    expect(denseInput(posted).values[0]).toBe(77);
  });
});
